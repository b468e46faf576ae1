/** The sub-models of all distributed models. One request reads them, because they are few. */
import { useQuery } from '@tanstack/react-query'
import { type ModelRow, modelsListOptions } from '~/lib/api'

const NONE: readonly ModelRow[] = []

export function useSubModels({ enabled = true } = {}): readonly ModelRow[] {
  const query = useQuery({
    ...modelsListOptions({ query: { distributed: true, limit: 500, ordering: 'name' } }),
    enabled,
  })
  return query.data?.results ?? NONE
}
