/** The live view: figures of the stream, then classes or lines, then the records behind them. */
import { Alert, Button, Code, Group, SegmentedControl, Skeleton, Stack, Text } from '@mantine/core'
import { IconHourglass, IconPlayerPause, IconPlayerPlay } from '@tabler/icons-react'
import { ButtonLink } from '~/components/ButtonLink'
import { Dimmed } from '~/components/Dimmed'
import { EmptyState } from '~/components/EmptyState'
import { ProblemAlert } from '~/components/ProblemAlert'
import { Stat } from '~/components/Stat'
import type { Inference, VisualizationRequest } from '~/lib/api'
import { durationText, formatCount, formatExact, formatPercent, formatRate } from '~/lib/format'
import { useLive } from '~/lib/live'
import { ClassView } from './ClassView'
import { LineView } from './LineView'
import type { Naming } from './labels'
import { RecordsTable } from './RecordsTable'
import { SPANS } from './routes'
import { useStore, type Watch } from './useWatch'

export function LivePanel({
  inference,
  watch,
  naming,
  config,
  tall,
  span,
  onSpan,
}: {
  inference: Inference
  watch: Watch
  naming: Naming
  config: VisualizationRequest | null
  /** Whether the view is enlarged for a projector. */
  tall: boolean
  span: number
  onSpan: (span: (typeof SPANS)[number]) => void
}) {
  const { kind, nothing, waiting } = useStore(watch.store, (store) => ({
    kind: store.latest?.type ?? null,
    nothing: store.latest !== null && store.latest.total === 0,
    waiting: store.waiting,
  }))
  const broken = watch.problem && (
    <ProblemAlert error={watch.problem} title="The predictions cannot be read at the moment" />
  )
  if (waiting) {
    return (
      <Stack gap="md">
        {broken}
        <Alert
          color="gray"
          icon={<IconHourglass aria-hidden />}
          title="Waiting for the first record"
          styles={{ title: { color: 'var(--kml-waiting)' } }}
        >
          <Text size="sm">
            The topic <Code>{waiting}</Code> does not exist
            {inference.output_bootstrap_servers ? ` on ${inference.output_bootstrap_servers}` : ''} yet. Predictions
            appear here as soon as it does.
          </Text>
        </Alert>
      </Stack>
    )
  }
  if (watch.store.latest === null) return broken || <Skeleton height={320} />
  if (nothing) {
    return (
      <EmptyState
        title="No predictions yet"
        action={
          <ButtonLink to="/inference/$id" params={{ id: String(inference.id) }} search={{ tab: 'try' }}>
            Send a sample
          </ButtonLink>
        }
        command={`kafka-ml send samples.npy --topic ${inference.input_topic}`}
      >
        Predictions for the records sent to {inference.input_topic} are written to {inference.output_topic} and shown
        here as they arrive.
      </EmptyState>
    )
  }
  return (
    <Stack gap="lg">
      {broken}
      <Group justify="space-between" align="flex-end" gap="md">
        <Numbers watch={watch} />
        <Group gap="xs">
          <SegmentedControl
            aria-label="History length"
            data={SPANS.map((seconds) => ({ value: String(seconds), label: durationText(seconds * 1000) }))}
            value={String(span)}
            onChange={(next) => onSpan(SPANS.find((seconds) => String(seconds) === next) ?? 60)}
          />
          <PauseButton />
        </Group>
      </Group>
      {kind === 'regression' ? (
        <LineView watch={watch} naming={naming} span={span} tall={tall} />
      ) : (
        <ClassView watch={watch} naming={naming} config={config} span={span} />
      )}
      {config === null && (
        <Dimmed>
          No view has been set up for this inference: type and names come from its training, or from its first
          prediction. Choose others, and colours, under Set up.
        </Dimmed>
      )}
      <RecordsTable watch={watch} naming={naming} />
    </Stack>
  )
}

function Numbers({ watch }: { watch: Watch }) {
  const frame = useStore(watch.store, (store) => store.latest, 250)
  if (!frame) return null
  return (
    <Group gap="xl" align="flex-start">
      <Stat name="Rate" value={<span data-testid="rate">{formatRate(frame.rate)}</span>} />
      <Stat
        name="Received"
        value={<span data-testid="total">{formatCount(frame.total)}</span>}
        note="since this page opened, and the last before"
        exact={`${formatExact(frame.total)} predictions since this view was opened, including the last ones before`}
      />
      {Object.entries(frame.tiers)
        .sort()
        .map(([tier, count]) => (
          <Stat
            key={tier}
            name={`Answered at ${tier}`}
            value={formatPercent(count / Math.max(1, frame.total - frame.skipped))}
            exact={`${formatExact(count)} of those received, by their header kml-tier`}
          />
        ))}
      {frame.unreadable > 0 && (
        <Stat
          name="Unreadable"
          value={formatCount(frame.unreadable)}
          exact="Records without a list of numbers in values, or whose numbers match no class"
        />
      )}
      {frame.truncated && (
        <Stat
          name="Outputs"
          value="first 1,000"
          exact="Each prediction has more outputs; the view uses only the first ones"
        />
      )}
      {frame.skipped > 0 && (
        <Stat
          name="Counted only"
          value={formatCount(frame.skipped)}
          exact="Above 10,000 predictions per second, the excess is included in the rate but not in the averages"
        />
      )}
    </Group>
  )
}

function PauseButton() {
  const { paused, setPaused } = useLive()
  const Icon = paused ? IconPlayerPlay : IconPlayerPause
  return (
    <Button
      size="xs"
      variant="default"
      aria-pressed={paused}
      leftSection={<Icon size={14} aria-hidden />}
      onClick={() => setPaused(!paused)}
    >
      {paused ? 'Resume' : 'Pause'}
    </Button>
  )
}
