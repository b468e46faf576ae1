/** Records per second and waiting records since this page was opened. */
import { Skeleton, Stack, Title } from '@mantine/core'
import { RateLagChart, type RatePoint } from '~/components/charts/RateLagChart'
import { SmallPrint } from '~/components/Dimmed'
import type { Inference } from '~/lib/api'

export function RateChart({
  inference,
  points,
}: {
  inference: Pick<Inference, 'id' | 'state'>
  points: readonly RatePoint[]
}) {
  if (points.length < 2) {
    return (
      <Stack gap="xs">
        <Title order={2}>Rate and lag</Title>
        {inference.state === 'running' && <Skeleton height={48} animate={false} />}
        <SmallPrint>
          {inference.state === 'running'
            ? 'Updated every two seconds while this page is open.'
            : 'No replica is running. The chart begins when one reports, while this page is open.'}
        </SmallPrint>
      </Stack>
    )
  }
  return (
    <RateLagChart
      title="Rate and lag while this page is open"
      name={`inference-${inference.id}-rate`}
      label="Records answered per second and records waiting, over time"
      points={points}
    />
  )
}
