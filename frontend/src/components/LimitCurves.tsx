/**
 * At which tier of a chain the samples would leave under given limits, measured on samples held out of its training.
 */
import { Grid, Group, Skeleton, Stack, Text } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { NumberField } from '~/components/NumberField'
import { type ExitCurves, resultsExitsRetrieveOptions, type TierCurve } from '~/lib/api'
import { formatBytes, formatMilliseconds, formatPercent, plural } from '~/lib/format'
import { LimitCurve } from './charts/LimitCurve'
import { Dimmed } from './Dimmed'
import { ProblemAlert } from './ProblemAlert'
import { Stat } from './Stat'

/** The chosen limits by number of the tier, counted from below. A tier without an entry keeps its proposed limit. */
export type Limits = readonly (number | undefined)[]

/** The limits as the address has them, such as '0.8,,0.9'; empty when all are as proposed. */
export function limitsText(limits: Limits): string {
  return limits.some((limit) => limit !== undefined) ? limits.map((limit) => limit ?? '').join(',') : ''
}

function useExitCurves(result: number, limits: Limits) {
  const [asked] = useDebouncedValue(limitsText(limits), 250)
  return useQuery({
    ...resultsExitsRetrieveOptions({ path: { id: String(result) }, query: asked ? { limits: asked } : {} }),
    placeholderData: keepPreviousData,
    retry: false,
  })
}

export function LimitCurves({
  result,
  limits,
  onLimits,
  actions,
  below,
}: {
  /** The id of the result of any sub-model of the chain. */
  result: number
  limits: Limits
  onLimits: (limits: Limits) => void
  /** Actions drawn next to the limit of a tier. */
  actions?: (tier: TierCurve) => ReactNode
  /** Content drawn under the curves. */
  below?: ReactNode
}) {
  const query = useExitCurves(result, limits)
  const curves = query.data
  if (!curves) {
    return query.error ? (
      <ProblemAlert error={query.error} title="No limit curves" />
    ) : (
      <Skeleton height={260} role="status" aria-label="Loading" />
    )
  }
  const set = (place: number, limit: number | undefined) =>
    onLimits(curves.tiers.slice(0, -1).map((_, tier) => (tier === place ? limit : limits[tier])))
  return (
    <Stack gap="lg">
      <ProblemAlert error={query.error} />
      <Answer curves={curves} />
      <Dimmed>
        Based on {plural(curves.samples, 'sample')} of the {curves.of} part, which no sub-model learnt. A point is a
        limit: click it to choose it.
      </Dimmed>
      <Grid gap="xl">
        {curves.tiers.slice(0, -1).map((tier, place) => (
          <Grid.Col key={tier.result} span={{ base: 12, md: 6 }}>
            {tier.points.length > 0 ? (
              <LimitCurve curve={tier} accuracy={curves.accuracy} onLimit={(limit) => set(place, limit)} />
            ) : (
              <Text size="sm">Nothing comes to {tier.model_name} under the limits below it.</Text>
            )}
            <Group gap="md" align="flex-end" mt="xs">
              <NumberField
                label={`Limit of ${tier.model_name}`}
                description={`Proposed: ${tier.proposed}`}
                size="xs"
                w={180}
                min={0}
                max={1}
                step={0.01}
                decimalScale={4}
                value={limits[place] ?? tier.limit ?? ''}
                onChange={(value) => set(place, typeof value === 'number' ? value : undefined)}
              />
              {actions?.(tier)}
            </Group>
          </Grid.Col>
        ))}
      </Grid>
      {below && <div>{below}</div>}
    </Stack>
  )
}

function Answer({ curves }: { curves: ExitCurves }) {
  const top = curves.tiers.at(-1)
  return (
    <Group gap={32} align="flex-start">
      <Stat
        name="Accuracy of the chain"
        value={formatPercent(curves.accuracy)}
        note={top && `${formatPercent(top.alone)} if all went to ${top.model_name}`}
      />
      {curves.tiers.map((tier) => (
        <Stat
          key={tier.result}
          name={`Leave at ${tier.model_name}`}
          value={formatPercent(tier.arriving * (1 - tier.sent_up))}
          note={`alone right in ${formatPercent(tier.alone)}`}
        />
      ))}
      <Stat name="Sent up a sample" value={formatBytes(Math.round(curves.bytes_per_sample))} note="by all tiers" />
      <Stat
        name="Computing a sample"
        value={formatMilliseconds(curves.seconds_per_sample * 1000)}
        note="in all tiers, without the network"
      />
    </Group>
  )
}
