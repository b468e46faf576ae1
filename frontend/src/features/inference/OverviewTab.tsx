/** An inference at a glance: its figures, its replicas one by one, and where it reads and writes. */
import { Code, Group, Stack, Text, Title } from '@mantine/core'
import { Age } from '~/components/Age'
import { InferenceLink, TopicLink } from '~/components/ButtonLink'
import { CopyButton } from '~/components/CopyButton'
import type { RatePoint } from '~/components/charts/RateLagChart'
import { Dimmed, SmallPrint } from '~/components/Dimmed'
import { Facts } from '~/components/Facts'
import { RowTable } from '~/components/RowTable'
import { Stat } from '~/components/Stat'
import { StatusBadge } from '~/components/StatusBadge'
import type { Inference, ReplicaReport } from '~/lib/api'
import { formatCount, formatExact, formatMilliseconds, formatPercent, formatRate, NONE } from '~/lib/format'
import { useSession } from '~/lib/session'
import { scaleText } from './deploy'
import { HistoryChart } from './HistoryChart'
import { RateChart } from './RateChart'
import { ServedVersion } from './ServedVersion'
import { servingText } from './serving'
import { exitsText, leftHere } from './tiers'
import { WorkersSection } from './WorkersSection'

const GUARANTEES: Record<Inference['guarantee'], { name: string; meaning: string }> = {
  exactly_once: {
    name: 'Exactly once',
    meaning:
      'Predictions and input positions are committed in one Kafka transaction: each record is answered once, even when a replica dies. ' +
      'Readers with isolation.level=read_committed see only committed predictions.',
  },
  at_least_once: {
    name: 'At least once',
    meaning:
      'An output is on another cluster, which a transaction cannot span. Every record is answered; after a crash a ' +
      'prediction may appear twice. Its header kml-source names the input record.',
  },
}

export function OverviewTab({ inference, points }: { inference: Inference; points: readonly RatePoint[] }) {
  const { stats } = inference
  const guarantee = GUARANTEES[inference.guarantee]
  // Without a running replica the rate is unknown rather than zero.
  const serves = inference.replica_stats.some(({ state }) => state === 'running')
  const { can } = useSession()
  return (
    <Stack gap="xl">
      <Group gap={40} align="flex-start">
        <Stat name="Rate" value={serves ? formatRate(stats.rate) : NONE} note={rateNote(inference)} />
        <Stat
          name="Lag"
          value={formatCount(stats.lag)}
          exact={formatExact(stats.lag)}
          note="records waiting in the input"
        />
        <Stat name="Latency p50" value={formatMilliseconds(stats.p50_ms)} note="written to answered" />
        <Stat name="Latency p99" value={formatMilliseconds(stats.p99_ms)} note="slowest replica" />
        <Stat
          name="Answered"
          value={formatCount(stats.predicted)}
          exact={formatExact(stats.predicted)}
          note={sinceText(inference, 'predicted')}
        />
        {inference.exits && (
          <Stat name="Answered here" value={formatPercent(leftHere(inference))} note={exitsText(inference)} />
        )}
        {stats.sent_up > 0 && (
          <Stat
            name="Sent up"
            value={formatCount(stats.sent_up)}
            exact={formatExact(stats.sent_up)}
            note={`of those answered, to ${inference.upper_topic}`}
          />
        )}
        <Stat
          name="Dead letters"
          value={
            stats.dead_lettered > 0 ? (
              <InferenceLink
                id={inference.id}
                search={{ tab: 'letters' }}
                inherit
                style={{ color: 'var(--kml-failed)' }}
              >
                {formatCount(stats.dead_lettered)}
              </InferenceLink>
            ) : (
              '0'
            )
          }
          note={stats.dead_lettered > 0 ? sinceText(inference, 'dead_lettered') : 'records that could not be answered'}
        />
        {stats.warming_up > 0 && (
          <Stat
            name="Warming up"
            value={formatCount(stats.warming_up)}
            exact={formatExact(stats.warming_up)}
            note="their keys had no full window yet"
          />
        )}
        {stats.restamped > 0 && (
          <Stat
            name="Re-stamped"
            value={formatCount(stats.restamped)}
            exact={formatExact(stats.restamped)}
            note="with the time of writing"
          />
        )}
      </Group>
      <RateChart inference={inference} points={points} />
      <HistoryChart inference={inference.id} />
      <ServedVersion inference={inference} />
      <Replicas inference={inference} />
      {can('editor') && <WorkersSection inference={inference} />}
      <Stack gap="xs">
        <Title order={2}>Topics and guarantee</Title>
        <Facts
          facts={[
            ['Reads', <TopicName key="in" name={inference.input_topic} />],
            [
              'Writes',
              <TopicName key="out" name={inference.output_topic} servers={inference.output_bootstrap_servers} />,
            ],
            inference.upper_topic !== '' && [
              `Hands up below ${inference.limit}`,
              <TopicName key="upper" name={inference.upper_topic} servers={inference.upper_bootstrap_servers} />,
            ],
            [
              'Dead letters',
              <TopicName
                key="dlq"
                name={`${inference.output_topic}.dlq`}
                servers={inference.output_bootstrap_servers}
              />,
            ],
            [
              'Consumer group',
              <Group key="group" gap={2}>
                <Code>{inference.group}</Code>
                <CopyButton text={inference.group} what="consumer group" />
              </Group>,
            ],
            [
              'Guarantee',
              <Text key="guarantee" size="sm" maw={640}>
                <b>{guarantee.name}.</b> {guarantee.meaning}
              </Text>,
            ],
          ]}
        />
      </Stack>
    </Stack>
  )
}

/** The period that a count covers: the life of the inference, and its last attempt if that counted less. */
export function sinceText(
  { stats, attempt_counts }: Pick<Inference, 'stats' | 'attempt_counts'>,
  name: 'predicted' | 'dead_lettered',
): string {
  const latest = attempt_counts?.[name]
  return latest === undefined || latest === stats[name]
    ? 'since it was created'
    : `since it was created; ${formatCount(latest)} since its last start`
}

/** The unit of the rate, with the rate of reading when that is higher. */
function rateNote({ stats, limit }: Pick<Inference, 'stats' | 'limit'>): string {
  const answered = limit === null ? 'records answered' : 'records answered or sent up'
  // Both rates are rounded, so only a larger difference counts.
  return stats.read_rate > stats.rate + 0.05 ? `${answered}; ${formatRate(stats.read_rate)} read` : answered
}

function TopicName({ name, servers = '' }: { name: string; servers?: string }) {
  return (
    <Group gap={2}>
      {servers ? (
        <Text size="sm">
          {name} at {servers}
        </Text>
      ) : (
        <TopicLink name={name} />
      )}
      <CopyButton text={name} what="name of the topic" />
    </Group>
  )
}

function Replicas({ inference }: { inference: Inference }) {
  const elsewhere = inference.replica_stats.some((report) => report.worker !== '')
  return (
    <Stack gap="xs">
      <Title order={2}>
        Replicas{' '}
        <Text span c="dimmed" size="sm">
          {servingText(inference)}
          {inference.max_replicas !== null && ` (${scaleText(inference)})`}
        </Text>
      </Title>
      {inference.replica_stats.length === 0 ? (
        <Dimmed>No replica has reported yet.</Dimmed>
      ) : (
        <RowTable
          label="Replicas"
          minWidth={720}
          rows={inference.replica_stats}
          rowKey={(report) => report.replica}
          columns={[
            {
              title: 'Replica',
              cell: (report) => (
                <InferenceLink id={inference.id} search={{ tab: 'logs', replica: report.replica || undefined }}>
                  {report.worker || report.replica}
                </InferenceLink>
              ),
            },
            ...(elsewhere
              ? [
                  {
                    title: 'Host',
                    cell: (report: ReplicaReport) => report.host,
                    td: { style: { overflowWrap: 'anywhere' } },
                  } as const,
                ]
              : []),
            {
              title: 'State',
              cell: (report) => <StatusBadge state={report.state} tooltip="Last reported by the replica" />,
            },
            {
              title: 'Rate',
              right: true,
              cell: (report) => (report.state === 'running' ? formatRate(report.rate) : NONE),
            },
            { title: 'Lag', right: true, cell: (report) => formatCount(report.lag) },
            { title: 'p50', right: true, cell: (report) => formatMilliseconds(report.p50_ms) },
            { title: 'p99', right: true, cell: (report) => formatMilliseconds(report.p99_ms) },
            { title: 'Answered', right: true, cell: (report) => formatCount(report.predicted) },
            { title: 'Dead letters', right: true, cell: (report) => formatCount(report.dead_lettered) },
            // Only samples that are windows have records that wait for their window to fill.
            inference.stats.warming_up > 0 && {
              title: 'Warming up',
              right: true,
              cell: (report) => formatCount(report.warming_up),
            },
            { title: 'Last report', cell: (report) => <Age at={report.updated_at} size="sm" /> },
            {
              title: 'Error',
              cell: (report) => report.error?.cause ?? '',
              td: { maw: 320, style: { overflowWrap: 'anywhere' } },
            },
          ]}
        />
      )}
      {inference.replica_stats.length > 0 && <SmallPrint>Counts of a replica start with its process.</SmallPrint>}
    </Stack>
  )
}
