/** How a training keeps up with a stream without end: the records of the last window, and rate and lag over time. */
import { useMemo } from 'react'
import { RateLagChart } from '~/components/charts/RateLagChart'
import { Stat } from '~/components/Stat'
import type { EpochMetrics, Result, WindowPlace } from '~/lib/api'
import { formatCount, formatExact, formatRate } from '~/lib/format'

export function WindowStats({ window }: { window: WindowPlace }) {
  const used = `${formatCount(window.trained)} training, ${formatCount(window.validated)} validation`
  return (
    <>
      <Stat
        name="Records in the last"
        value={formatCount(window.records)}
        exact={formatExact(window.records)}
        note={window.left_out > 0 ? `${used}, ${formatCount(window.left_out)} skipped` : used}
      />
      <Stat name="Rate" value={formatRate(window.rate)} note="incoming records" />
      <Stat
        name="Lag"
        value={formatCount(window.lag)}
        exact={formatExact(window.lag)}
        note={window.lag === null ? 'not known' : 'records waiting to be learnt'}
      />
    </>
  )
}

export function WindowsChart({ result, epochs }: { result: Pick<Result, 'id'>; epochs: readonly EpochMetrics[] }) {
  const points = useMemo(
    () => epochs.flatMap(({ window }) => (window ? [{ at: window.ended_ms, rate: window.rate, lag: window.lag }] : [])),
    [epochs],
  )
  return (
    <RateLagChart
      title="Rate and lag"
      name={`result-${result.id}-rate`}
      label="Incoming records per second and records waiting to be learnt, at the end of each window"
      points={points}
    />
  )
}
