/** The epochs or windows of a result, thinned to as many as a page can draw. */
import { useMemo } from 'react'
import { constantLearningRate, withLearningRate } from '~/components/charts/curves'
import type { CurveSeries } from '~/components/charts/LearningCurves'
import { thinned } from '~/components/charts/points'
import type { EpochMetrics, Result } from '~/lib/api'

export function useEpochs(result: Pick<Result, 'epochs'>): readonly EpochMetrics[] {
  const { epochs } = result
  return useMemo(() => thinned(epochs), [epochs])
}

export function useCurves(result: Result, epochs: readonly EpochMetrics[]): readonly CurveSeries[] {
  const { model, model_name: name } = result
  return useMemo(() => {
    // A constant learning rate is shown as a figure next to the curves instead of being drawn.
    const changes = constantLearningRate(epochs) === null
    return [{ id: model, name, epochs: changes ? withLearningRate(epochs) : epochs }]
  }, [model, name, epochs])
}
