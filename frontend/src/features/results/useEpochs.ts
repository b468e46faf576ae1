/** A result's epochs or windows as pages draw them: no more than a screen shows. */
import { useMemo } from 'react'
import type { CurveSeries } from '~/components/charts/LearningCurves'
import { thinned } from '~/components/charts/points'
import type { EpochMetrics, Result } from '~/lib/api'

export function useEpochs(result: Pick<Result, 'epochs'>): readonly EpochMetrics[] {
  const { epochs } = result
  return useMemo(() => thinned(epochs), [epochs])
}

export function useCurves(result: Result, epochs: readonly EpochMetrics[]): readonly CurveSeries[] {
  const { model, model_name: name } = result
  return useMemo(() => [{ id: model, name, epochs }], [model, name, epochs])
}
