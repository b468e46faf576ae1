/** A result's epochs as the learning curves take them. */
import { useMemo } from 'react'
import type { CurveSeries } from '~/components/charts/LearningCurves'
import type { Result } from '~/lib/api'

export function useCurves(result: Result): readonly CurveSeries[] {
  const { model, model_name: name, epochs } = result
  return useMemo(() => [{ id: model, name, epochs }], [model, name, epochs])
}
