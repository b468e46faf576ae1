/** The limits of a chain: tried on held-out samples, and set in the inferences that serve its tiers. */
import { Button } from '@mantine/core'
import { IconBroadcast } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { ButtonLink, InferenceLink } from '~/components/ButtonLink'
import { LimitCurves, type Limits, limitsText } from '~/components/LimitCurves'
import { ProblemAlert } from '~/components/ProblemAlert'
import { inferencesListOptions, inferencesPartialUpdateMutation, type Result, type TierCurve } from '~/lib/api'
import { notifyDone } from '~/lib/notify'
import { hasEnded } from '~/lib/runs'
import { useSession } from '~/lib/session'

export function LimitsTab({ result }: { result: Result }) {
  const { can } = useSession()
  const [limits, setLimits] = useState<Limits>([])
  return (
    <LimitCurves
      result={result.id}
      limits={limits}
      onLimits={setLimits}
      actions={(tier) => can('editor') && <Serving tier={tier} />}
      below={
        can('editor') && (
          <ButtonLink
            to="/inference/chain"
            search={{ result: result.id, limits: limitsText(limits) || undefined }}
            leftSection={<IconBroadcast size={14} aria-hidden />}
          >
            Serve the chain with these limits
          </ButtonLink>
        )
      }
    />
  )
}

/** The inferences of a tier that use a limit, each with a button that sets this one. */
function Serving({ tier: { result, limit } }: { tier: TierCurve }) {
  const queryClient = useQueryClient()
  const options = inferencesListOptions({ query: { result, limit: 100 } })
  const inferences = useQuery(options)
  const change = useMutation({
    ...inferencesPartialUpdateMutation(),
    onSuccess: async (changed) => {
      notifyDone(`Inference ${changed.id} now has the limit ${changed.limit}`)
      await queryClient.invalidateQueries(options)
    },
  })
  const serving = (inferences.data?.results ?? []).filter(
    (inference) => inference.limit !== null && !hasEnded(inference),
  )
  if (limit === null) return null
  return (
    <>
      {serving.map(({ id, limit: now }) => (
        <span key={id}>
          <InferenceLink id={id}>inference {id}</InferenceLink>{' '}
          {now === limit ? (
            'uses it'
          ) : (
            <Button
              size="compact-xs"
              variant="default"
              loading={change.isPending}
              onClick={() => change.mutate({ path: { id: String(id) }, body: { limit } })}
            >
              Set it there: {now} → {limit}
            </Button>
          )}
        </span>
      ))}
      <ProblemAlert error={change.error} />
    </>
  )
}
