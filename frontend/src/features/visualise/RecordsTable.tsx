/** The last predictions as they were written: time, answer, and the input. */
import { Group, Text, Title } from '@mantine/core'
import { TopicLink } from '~/components/ButtonLink'
import { SmallPrint } from '~/components/Dimmed'
import { RowTable } from '~/components/RowTable'
import { formatClock, formatMetric, formatPercent, includeText, NONE } from '~/lib/format'
import type { PredictionRecord } from './frames'
import type { Naming } from './labels'
import { useStore, type Watch } from './useWatch'

const ROWS = 8
const ANYWHERE = { style: { overflowWrap: 'anywhere' } } as const

export function RecordsTable({ watch, naming }: { watch: Watch; naming: Naming }) {
  const { records, kind } = useStore(
    watch.store,
    (store) => ({ records: store.records.slice(-ROWS).reverse(), kind: store.latest?.type ?? null }),
    500,
  )
  if (records.length === 0) return null
  return (
    <section aria-label="Last predictions">
      <Group justify="space-between" mb={4}>
        <Title order={2}>Last predictions</Title>
        <SmallPrint>a sample at high rates</SmallPrint>
      </Group>
      <RowTable
        label="Table of predictions"
        minWidth={520}
        verticalSpacing={3}
        layout="fixed"
        rows={records}
        rowKey={(record) => record.place}
        columns={[
          { title: 'Time', w: 112, cell: (record) => formatClock(record.at * 1000) },
          {
            title: kind === 'classification' ? 'Class' : 'Outputs',
            w: '24%',
            cell: (record) => answerOf(record, naming),
          },
          ...(records.some(({ tier }) => tier)
            ? [{ title: 'Answered at', w: '13%', cell: ({ tier }: PredictionRecord) => tier || NONE, td: ANYWHERE }]
            : []),
          ...(records.some(({ include }) => include)
            ? [{ title: 'With', cell: ({ include }: PredictionRecord) => includeText(include ?? {}), td: ANYWHERE }]
            : []),
          { title: 'Input', cell: (record) => <Place place={placeOfSource(record.source)} /> },
          { title: 'Output record', cell: (record) => <Place place={record.place} /> },
        ]}
      />
    </section>
  )
}

function Place({ place }: { place: string | null }) {
  if (!place) return <Text size="sm">–</Text>
  const topic = /^(.*)\[\d+\]@\d+$/.exec(place)?.[1]
  const text = (
    <Text span size="sm" ff="monospace" fz="xs" truncate="start" title={place} display="block">
      {place}
    </Text>
  )
  return topic ? <TopicLink name={topic}>{text}</TopicLink> : text
}

/** Rewrites ``topic/partition/offset`` as ``topic[partition]@offset``; null for any other text. */
export function placeOfSource(source: string): string | null {
  const parts = /^(.+)\/(\d+)\/(\d+)$/.exec(source)
  return parts ? `${parts[1]}[${parts[2]}]@${parts[3]}` : null
}

function answerOf(record: PredictionRecord, naming: Naming): string {
  if (record.id === null) {
    const shown = record.values.slice(0, 4).map((value) => formatMetric(value))
    return shown.join(', ') + (record.values.length + record.more > 4 ? ', …' : '')
  }
  const score = record.values.length > 1 ? record.values[record.id] : undefined
  if (score === null || score === undefined) return naming.nameOf(record.id)
  return `${naming.nameOf(record.id)} (${score >= 0 && score <= 1 ? formatPercent(score) : formatMetric(score)})`
}
