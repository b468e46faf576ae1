/** The frameworks for writing models, as the platform describes them: titles, arguments, files. */
import { useQuery } from '@tanstack/react-query'
import { type Framework, frameworksListOptions } from './api'

/** The frameworks of the platform; empty until they are read. They change only with the platform's version. */
export function useFrameworks(): readonly Framework[] {
  return useQuery({ ...frameworksListOptions(), staleTime: Number.POSITIVE_INFINITY }).data ?? []
}

/** The titles joined by 'or', such as 'TensorFlow or PyTorch'; empty until they are read. */
export function anyOf(frameworks: readonly Framework[]): string {
  return new Intl.ListFormat('en', { type: 'disjunction' }).format(frameworks.map(({ title }) => title))
}

/** The title of a framework; its name when the platform does not describe it. */
export function titleOf(frameworks: readonly Framework[], name: string): string {
  return frameworks.find((framework) => framework.name === name)?.title ?? name
}
