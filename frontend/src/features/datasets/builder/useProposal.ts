/**
 * The proposal made from a topic's records. It is never refetched automatically, so that the builder keeps its starting
 * point.
 */
import { useQuery } from '@tanstack/react-query'
import { type ProposalQueryRequest, topicsProposal } from '~/lib/api'

export function useProposal(topic: string, asked: ProposalQueryRequest) {
  return useQuery({
    queryKey: ['proposal', topic, asked],
    queryFn: async ({ signal }) =>
      (await topicsProposal({ path: { name: topic }, body: asked, signal, throwOnError: true })).data,
    enabled: topic !== '',
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  })
}
