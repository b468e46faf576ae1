/** What models can be written in, as the platform describes it: titles, arguments, files. */
import { useQuery } from '@tanstack/react-query'
import { type Framework, frameworksListOptions } from './api'

/** The frameworks of this platform; none until they are known. They change with the platform's version only. */
export function useFrameworks(): readonly Framework[] {
  return useQuery({ ...frameworksListOptions(), staleTime: Number.POSITIVE_INFINITY }).data ?? []
}

/** 'TensorFlow or PyTorch'; empty until they are known. */
export function anyOf(frameworks: readonly Framework[]): string {
  return new Intl.ListFormat('en', { type: 'disjunction' }).format(frameworks.map(({ title }) => title))
}

/** A framework's title; its name where nothing is known of it. */
export function titleOf(frameworks: readonly Framework[], name: string): string {
  return frameworks.find((framework) => framework.name === name)?.title ?? name
}
