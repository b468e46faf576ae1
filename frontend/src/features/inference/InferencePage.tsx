/**
 * One inference: whether it answers, how fast, what failed; with tabs to try it and for dead letters, logs and
 * settings.
 */

import { Alert, Button, Text } from '@mantine/core'
import { IconAlertTriangle, IconChartBar, IconPlayerPlay, IconTrash } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { ButtonLink, InferenceLink, ResultLink } from '~/components/ButtonLink'
import type { RatePoint } from '~/components/charts/RateLagChart'
import { DeleteDialog } from '~/components/DeleteDialog'
import { FailingAlert } from '~/components/FailingAlert'
import { FailureAlert, isHeldUp } from '~/components/FailureAlert'
import { FrameworkTitle } from '~/components/FrameworkMark'
import { ObjectPage, type Tab } from '~/components/ObjectPage'
import { ProblemAlert } from '~/components/ProblemAlert'
import { type Inference, inferencesRestartCreateMutation, inferencesRetrieveOptions } from '~/lib/api'
import { formatCount } from '~/lib/format'
import { useLiveEvents } from '~/lib/live'
import { hasEnded, shownState } from '~/lib/runs'
import { useSession } from '~/lib/session'
import { CompareTab } from './CompareTab'
import { DeadLettersTab } from './DeadLettersTab'
import { stateTooltip } from './InferenceListPage'
import { InferenceLogs } from './InferenceLogs'
import { LimitButton } from './LimitButton'
import { OverviewTab } from './OverviewTab'
import { historyOf, reportOf } from './rates'
import { type InferenceSearch, TABS } from './routes'
import { ScaleButton } from './ScaleButton'
import { SettingsTab } from './SettingsTab'
import { StopInference } from './StopInference'
import { heardNow } from './serving'
import { TryTab } from './TryTab'

const route = getRouteApi('/inference/$id')

export function InferencePage() {
  const { id } = route.useParams()
  const search = route.useSearch()
  const navigate = useNavigate()
  const { can } = useSession()
  const number = Number(id)
  const query = useQuery(inferencesRetrieveOptions({ path: { id } }))
  const points = useRates(number)
  const inference = query.data
  const change = (next: InferenceSearch) =>
    void navigate({ to: '/inference/$id', params: { id }, search: { ...search, ...next }, replace: true })
  if (!inference) {
    return <ObjectPage what="Inference" title="" query={query} />
  }
  const letters = inference.stats.dead_lettered
  const tabs: Tab[] = [
    { value: 'overview', label: 'Overview', content: () => <OverviewTab inference={inference} points={points} /> },
    { value: 'try', label: 'Try it', content: () => <TryTab inference={inference} /> },
    { value: 'compare', label: 'Compare versions', content: () => <CompareTab inference={inference} /> },
    {
      value: 'letters',
      label: letters > 0 ? `Dead letters (${formatCount(letters)})` : 'Dead letters',
      content: () => (
        <DeadLettersTab inference={inference} before={search.before} onBefore={(before) => change({ before })} />
      ),
    },
    {
      value: 'logs',
      label: 'Logs',
      content: () => (
        <InferenceLogs
          inference={inference}
          replica={search.replica ?? 0}
          onReplica={(replica) => change({ replica: replica || undefined })}
        />
      ),
    },
    { value: 'settings', label: 'Settings', content: () => <SettingsTab inference={inference} /> },
  ]
  return (
    <ObjectPage
      what="Inference"
      id={inference.id}
      title={`${inference.input_topic} → ${inference.output_topic}`}
      state={shownState(inference)}
      stateTooltip={stateTooltip(inference)}
      createdAt={inference.created_at}
      subtitle={
        <Text size="sm" component="div">
          · {inference.tier && 'tier '}
          {inference.model_name} (<FrameworkTitle framework={inference.framework} />
          ),{' '}
          <ResultLink id={inference.result} underline="always">
            result {inference.result}
          </ResultLink>
          {inference.shadow_of !== null && (
            <>
              , shadow of <InferenceLink id={inference.shadow_of}>inference {inference.shadow_of}</InferenceLink>
            </>
          )}
        </Text>
      }
      actions={<Actions inference={inference} editor={can('editor')} />}
      alerts={<Alerts inference={inference} />}
      tabs={tabs}
      tab={search.tab ?? 'overview'}
      onTab={(tab) => change({ tab: TABS.find((known) => known === tab) })}
    />
  )
}

/** The rates that replicas report while the page is open. */
function useRates(inference: number): readonly RatePoint[] {
  const queryClient = useQueryClient()
  const { queryKey } = inferencesRetrieveOptions({ path: { id: String(inference) } })
  const [points, setPoints] = useState(() => historyOf(inference).points)
  useLiveEvents('inferences', (data) => {
    const found = reportOf(data)
    if (!found) return
    const kept = historyOf(found.inference).add(found.replica, found.report)
    if (found.inference !== inference) return
    setPoints(kept)
    // A quiet report changes only the time at which the replica was heard, so nothing is read again.
    if (data.quiet === true) queryClient.setQueryData(queryKey, (known) => known && heardNow(known, found.replica))
  })
  return points
}

function Alerts({ inference }: { inference: Inference }) {
  const { failing } = inference
  if (!inference.failure && !failing && inference.warnings.length === 0) return null
  return (
    <>
      {failing && <FailingAlert inference={inference} failing={failing} />}
      {inference.failure && (
        <FailureAlert
          failure={inference.failure}
          heldUp={isHeldUp(inference)}
          serves={inference.state === 'running'}
          actions={
            <ButtonLink
              variant="default"
              to="/inference/$id"
              params={{ id: String(inference.id) }}
              search={{ tab: 'logs' }}
            >
              Open logs
            </ButtonLink>
          }
        />
      )}
      {inference.warnings.map((warning) => (
        <Alert
          key={warning}
          color="yellow"
          py={6}
          icon={<IconAlertTriangle size={16} aria-hidden style={{ color: 'var(--kml-waiting)' }} />}
        >
          {warning}
        </Alert>
      ))}
    </>
  )
}

function Actions({ inference, editor }: { inference: Inference; editor: boolean }) {
  const queryClient = useQueryClient()
  const navigate = useNavigate()
  const [deleting, setDeleting] = useState(false)
  const path = { id: String(inference.id) }
  const refresh = () => queryClient.invalidateQueries(inferencesRetrieveOptions({ path }))
  const restart = useMutation({ ...inferencesRestartCreateMutation(), onSuccess: refresh })
  const ended = hasEnded(inference)
  return (
    <>
      <ButtonLink
        variant="default"
        leftSection={<IconChartBar size={14} aria-hidden />}
        to="/visualise/$id"
        params={path}
      >
        Visualise
      </ButtonLink>
      {editor && (
        <>
          {inference.limit !== null && <LimitButton inference={inference} limit={inference.limit} />}
          <ScaleButton inference={inference} />
          {ended ? (
            <Button
              size="xs"
              leftSection={<IconPlayerPlay size={14} aria-hidden />}
              loading={restart.isPending}
              onClick={() => restart.mutate({ path })}
            >
              Start again
            </Button>
          ) : (
            <StopInference inference={inference} onStopped={refresh} />
          )}
          <Button
            size="xs"
            variant="default"
            leftSection={<IconTrash size={14} aria-hidden />}
            disabled={!ended}
            title={ended ? undefined : 'Stop it first'}
            onClick={() => setDeleting(true)}
          >
            Delete
          </Button>
          {deleting && (
            <DeleteDialog
              kind="inferences"
              ids={[inference.id]}
              onClose={() => setDeleting(false)}
              onDeleted={() => navigate({ to: '/inference' })}
            />
          )}
          <ProblemAlert error={restart.error} />
        </>
      )}
    </>
  )
}
