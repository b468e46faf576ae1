/** How a stream is decoded and split, and where its records are. */
import { Code, Stack, Title } from '@mantine/core'
import { TopicLink } from '~/components/ButtonLink'
import { ContractView } from '~/components/contract/ContractView'
import { DatasetOriginLink } from '~/components/contract/DatasetOriginLink'
import { Facts } from '~/components/Facts'
import { RowTable } from '~/components/RowTable'
import { Section } from '~/components/Section'
import type { Stream } from '~/lib/api'
import { contractOf, datasetOf } from '~/lib/datasets'
import { formatExact, formatMoment, NONE } from '~/lib/format'
import { mostRecords, parseRanges, type StreamRange, sharesOf } from '~/lib/ranges'

const WORDS: Record<string, string> = {
  data_type: 'Type of features',
  data_reshape: 'Shape of features',
  label_type: 'Type of labels',
  label_reshape: 'Shape of labels',
  fields: 'Object keys',
  data_scheme: 'Avro schema of features',
  label_scheme: 'Avro schema of labels',
  packed: 'Several samples per record',
  confluent_framing: 'With schema ids',
}

export function RuleTab({ stream }: { stream: Stream }) {
  const [train, validation, test] = sharesOf(stream.validation_rate, stream.test_rate)
  const ranges = parseRanges(stream.topic)
  const contract = contractOf(stream.input_format, stream.input_config)
  const origin = datasetOf(stream.input_config)
  const unlabelled = parseRanges(stream.unsupervised_topic)
  return (
    <Stack gap="lg">
      <Facts
        facts={[
          ['Format', stream.input_format],
          origin && ['Data set', <DatasetOriginLink key="dataset" origin={origin} />],
          ...(contract
            ? []
            : Object.entries(stream.input_config).map(
                ([name, value]) => [WORDS[name] ?? name, <RuleValue key={name} value={value} />] as const,
              )),
          ['Samples', stream.total_msg === null ? 'no end (online)' : formatExact(stream.total_msg)],
          ['Split', `${train}% train, ${validation}% validate, ${test}% test`],
          ['Sent', stream.sent_at ? formatMoment(stream.sent_at) : NONE],
          [
            'Announcement',
            <TopicLink
              key="place"
              name={stream.control_topic}
              search={{ from: 'offset', offset: stream.offset, partition: stream.partition }}
            >
              {stream.control_topic}[{stream.partition}]@{stream.offset}
            </TopicLink>,
          ],
        ]}
      />
      {contract && (
        <Section title="Contract">
          <ContractView contract={contract} />
        </Section>
      )}
      <Ranges title="Ranges" ranges={ranges} />
      {unlabelled.length > 0 && <Ranges title="Ranges without labels" ranges={unlabelled} />}
    </Stack>
  )
}

function RuleValue({ value }: { value: unknown }) {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  if (text.length <= 60) return text || NONE
  return (
    <Code block tabIndex={0} aria-label="Value" style={{ maxHeight: 200, overflow: 'auto' }}>
      {text}
    </Code>
  )
}

function Ranges({ title, ranges }: { title: string; ranges: readonly StreamRange[] }) {
  return (
    <Stack gap="xs">
      <Title order={2}>{title}</Title>
      <RowTable
        label={title}
        minWidth={480}
        verticalSpacing={5}
        maw={720}
        style={{ fontVariantNumeric: 'tabular-nums' }}
        rows={ranges.slice(0, 200)}
        rowKey={(range) => `${range.topic}:${range.partition}:${range.start}`}
        columns={[
          {
            title: 'Topic',
            cell: (range) => (
              <TopicLink
                name={range.topic}
                search={{ from: 'offset', offset: range.start, partition: range.partition }}
              />
            ),
          },
          { title: 'Partition', right: true, cell: (range) => range.partition },
          { title: 'First offset', right: true, cell: (range) => formatExact(range.start) },
          {
            title: 'Last offset',
            right: true,
            cell: (range) => (range.end === null ? 'without end' : formatExact(range.end - 1)),
          },
          { title: 'Records at most', right: true, cell: (range) => formatExact(mostRecords([range])) },
        ]}
      />
    </Stack>
  )
}
