/** Reads deployments again when results change, because the state of a deployment sums up its results. */
import { useThrottledCallback } from '@mantine/hooks'
import { useQueryClient } from '@tanstack/react-query'
import { useLiveEvents } from '~/lib/live'

/** Deployments are read again at most this often, however fast their results move. */
const REFRESH_MS = 500

export function useDeploymentsFollowResults(): void {
  const queryClient = useQueryClient()
  const refresh = useThrottledCallback(() => {
    void queryClient.invalidateQueries({
      predicate: ({ queryKey }) => {
        const [key] = queryKey as [{ _id?: string }?]
        return key?._id === 'deploymentsList' || key?._id === 'deploymentsRetrieve'
      },
    })
  }, REFRESH_MS)
  useLiveEvents('results', refresh)
}
