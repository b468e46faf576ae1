/** The kinds of objects that users delete: how each is named, what deleting it would do, and the request. */
import type { UseQueryOptions } from '@tanstack/react-query'
import {
  configurationsDeletionListOptions,
  configurationsDestroy,
  type Deletion,
  datasetsDeletionListOptions,
  datasetsDestroy,
  deploymentsDeletionListOptions,
  deploymentsDestroy,
  inferencesDeletionListOptions,
  inferencesDestroy,
  modelsDeletionListOptions,
  modelsDestroy,
  resultsDeletionListOptions,
  resultsDestroy,
  streamsDeletionListOptions,
  streamsDestroy,
} from './api'

type Destroy = (options: { path: { id: string }; throwOnError: true }) => Promise<unknown>
type Asked = UseQueryOptions<Deletion[], unknown, Deletion[]>

interface Kind {
  noun: string
  /** Asks the API what deleting these objects would do. */
  ask: (ids: readonly number[]) => Asked
  destroy: Destroy
}

const kind = (noun: string, ask: (options: { query: { ids: string } }) => unknown, destroy: Destroy): Kind => ({
  noun,
  ask: (ids) => ask({ query: { ids: ids.join(',') } }) as Asked,
  destroy,
})

export const KINDS = {
  models: kind('model', modelsDeletionListOptions, modelsDestroy),
  configurations: kind('configuration', configurationsDeletionListOptions, configurationsDestroy),
  datasets: kind('data set', datasetsDeletionListOptions, datasetsDestroy),
  deployments: kind('deployment', deploymentsDeletionListOptions, deploymentsDestroy),
  results: kind('result', resultsDeletionListOptions, resultsDestroy),
  inferences: kind('inference', inferencesDeletionListOptions, inferencesDestroy),
  streams: kind('stream', streamsDeletionListOptions, streamsDestroy),
} as const

export type DeletableKind = keyof typeof KINDS

/** The name of an object in a sentence: 'model digits' or, without a name of its own, 'result 7'. */
export function called(of: DeletableKind, { id, name }: Pick<Deletion, 'id' | 'name'>): string {
  return `${KINDS[of].noun} ${['models', 'configurations', 'datasets'].includes(of) ? name : id}`
}
