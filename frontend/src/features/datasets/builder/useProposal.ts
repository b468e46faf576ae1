/** What a topic's records suggest. It is never refetched automatically, so that the builder's starting point stays. */
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
