/** One result: a training run and its outcome. */
import { Badge, Button, Group, Text } from '@mantine/core'
import {
  IconBroadcast,
  IconChartDots3,
  IconDownload,
  IconRefresh,
  IconStack3,
  IconSwitch2,
  IconTags,
  IconTrash,
} from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useState } from 'react'
import { ButtonLink, ModelLink } from '~/components/ButtonLink'
import { CopyAs } from '~/components/CopyAs'
import { DatasetOriginLink } from '~/components/contract/DatasetOriginLink'
import { DeleteDialog } from '~/components/DeleteDialog'
import { FailureAlert, isHeldUp } from '~/components/FailureAlert'
import { ObjectPage } from '~/components/ObjectPage'
import { FavouriteStar, RunNotesDialog, Tags } from '~/components/RunNotes'
import { RunDeployment, RunStream } from '~/components/RunOrigin'
import { StopTraining } from '~/components/StopTraining'
import { type Result, resultsRetrieveOptions, streamsRetrieveOptions } from '~/lib/api'
import { datasetOf } from '~/lib/datasets'
import { idOf } from '~/lib/listSearch'
import { hasEnded } from '~/lib/runs'
import { useSession } from '~/lib/session'
import { ConfusionTab } from './ConfusionTab'
import { EvaluationTab, evaluationTitle } from './EvaluationTab'
import { showEquivalents } from './equivalents'
import { FilesTab } from './FilesTab'
import { ImportanceTab } from './ImportanceTab'
import { LimitsTab } from './LimitsTab'
import { LineageTab } from './LineageTab'
import { LogsTab } from './LogsTab'
import { OverviewTab } from './OverviewTab'
import { useRunParts } from './parts'
import { RestartDialog } from './RestartDialog'
import { PartSwitch } from './RunParts'
import type { ResultSearch } from './routes'
import { VersionsTab } from './VersionsTab'

const route = getRouteApi('/results/$id')

export function ResultPage() {
  const { id } = route.useParams()
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const number = idOf(id) ?? 0
  const query = useQuery(resultsRetrieveOptions({ path: { id: String(number) } }))
  const result = query.data
  const change = (next: ResultSearch) =>
    void navigate({ search: (before) => ({ ...before, ...next }), replace: !next.tab, resetScroll: false })
  if (!result) {
    return <ObjectPage what="Result" id={number} title="" query={query} />
  }
  return (
    <Loaded
      result={result}
      search={search}
      onSearch={change}
      onCompare={(results) => void navigate({ to: '/training/compare', search: { results } })}
      onDeleted={() => navigate({ to: '/training/$id', params: { id: String(result.deployment) } })}
      onPart={(part) => void navigate({ params: { id: String(part) }, search: ({ tab }) => ({ tab }) })}
    />
  )
}

function Loaded({
  result,
  search,
  onSearch,
  onCompare,
  onPart,
  onDeleted,
}: {
  result: Result
  search: ResultSearch
  onSearch: (change: ResultSearch) => void
  onCompare: (results: string) => void
  /** Called to show another sub-model of the same run. */
  onPart: (id: number) => void
  onDeleted: () => unknown
}) {
  const { can } = useSession()
  const [restart, setRestart] = useState<'same' | 'other' | null>(null)
  const [noting, setNoting] = useState(false)
  const [deleting, setDeleting] = useState(false)
  const parts = useRunParts(result)
  const stream = useQuery({
    ...streamsRetrieveOptions({ path: { id: String(result.stream) } }),
    enabled: result.stream !== null,
  })
  const origin = stream.data && stream.data.id === result.stream ? datasetOf(stream.data.input_config) : null
  const ended = hasEnded(result)
  const editor = can('editor')
  const evaluated = evaluationTitle(result.evaluation)
  return (
    <>
      <ObjectPage
        what="Result"
        id={result.id}
        title={result.name || result.model_name}
        state={result.state}
        stateTooltip={isHeldUp(result) ? result.failure?.cause : undefined}
        createdAt={result.created_at}
        subtitle={
          <Group gap={6}>
            <FavouriteStar run={result} />
            <ModelLink id={result.model}>
              {result.name ? result.model_name : 'model'} {result.model}
            </ModelLink>
            <span>
              · <RunDeployment run={result} />
            </span>
            {result.stream !== null && !origin && (
              <span>
                · on <RunStream run={result} />
              </span>
            )}
            {origin && (
              <span>
                · on <DatasetOriginLink origin={origin} />
              </span>
            )}
            <Tags tags={result.tags} />
            {result.attempt > 1 && (
              <Badge variant="outline" color="gray" size="sm" tt="none" style={{ color: 'var(--kml-idle)' }}>
                attempt {result.attempt}
              </Badge>
            )}
          </Group>
        }
        actions={
          <>
            {editor && result.current_version !== null && (
              <ButtonLink
                to="/inference/new"
                search={{ result: result.id }}
                leftSection={<IconBroadcast size={14} aria-hidden />}
              >
                Serve
              </ButtonLink>
            )}
            {editor && result.tier !== null && result.current_version !== null && (
              <ButtonLink
                variant="default"
                to="/inference/chain"
                search={{ result: result.id }}
                leftSection={<IconStack3 size={14} aria-hidden />}
              >
                Serve the whole chain
              </ButtonLink>
            )}
            {editor && <StopTraining kind="result" id={result.id} runs={[result]} />}
            {editor && ended && result.stream !== null && (
              <Button
                size="xs"
                variant="default"
                leftSection={<IconRefresh size={14} aria-hidden />}
                onClick={() => setRestart('same')}
              >
                Train again
              </Button>
            )}
            <CopyAs equivalents={showEquivalents(result.id)} />
          </>
        }
        menu={[
          ...(editor
            ? [
                {
                  label: 'Name, notes, tags…',
                  icon: <IconTags size={14} aria-hidden />,
                  onClick: () => setNoting(true),
                },
              ]
            : []),
          ...(result.artifacts.length > 0
            ? [
                {
                  label: 'Download',
                  icon: <IconDownload size={14} aria-hidden />,
                  onClick: () => onSearch({ tab: 'files' }),
                },
              ]
            : []),
          {
            label: 'Compare with others…',
            icon: <IconChartDots3 size={14} aria-hidden />,
            onClick: () => onCompare(String(result.id)),
          },
          ...(editor && ended
            ? [
                {
                  label: 'Train on another stream…',
                  icon: <IconSwitch2 size={14} aria-hidden />,
                  onClick: () => setRestart('other'),
                },
              ]
            : []),
          ...(editor
            ? [
                {
                  label: 'Delete',
                  danger: true,
                  icon: <IconTrash size={14} aria-hidden />,
                  onClick: () => setDeleting(true),
                },
              ]
            : []),
        ]}
        alerts={
          <>
            <PartSwitch result={result} parts={parts} onPart={onPart} />
            {result.notes && (
              <Text size="sm" style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
                {result.notes}
              </Text>
            )}
            {result.failure && (
              <FailureAlert
                failure={result.failure}
                heldUp={isHeldUp(result)}
                actions={
                  <>
                    {search.tab !== 'logs' && (
                      <Button variant="default" onClick={() => onSearch({ tab: 'logs' })}>
                        Open logs
                      </Button>
                    )}
                    {result.failure.line && search.tab !== 'lineage' && (
                      <Button variant="default" onClick={() => onSearch({ tab: 'lineage' })}>
                        Open the code at line {result.failure.line}
                      </Button>
                    )}
                  </>
                }
              />
            )}
          </>
        }
        tab={search.tab}
        onTab={(tab) => onSearch({ tab: tab as NonNullable<ResultSearch['tab']> })}
        tabs={[
          {
            value: 'overview',
            label: 'Overview',
            content: () => (
              <OverviewTab
                result={result}
                parts={parts}
                epoch={search.epoch}
                onEpoch={(epoch) => onSearch({ epoch })}
              />
            ),
          },
          // A regression has no classes, so its tab of errors takes the place of the confusion matrix.
          ...(result.evaluation?.residuals.length && !result.confusion_matrix
            ? []
            : [
                {
                  value: 'confusion',
                  label: 'Confusion matrix',
                  content: () => <ConfusionTab result={result} search={search} onSearch={onSearch} />,
                },
              ]),
          ...(result.evaluation && evaluated
            ? [
                {
                  value: 'evaluation',
                  label: evaluated,
                  content: () =>
                    result.evaluation && <EvaluationTab evaluation={result.evaluation} result={result.id} />,
                },
              ]
            : []),
          ...(result.evaluation?.importance
            ? [
                {
                  value: 'columns',
                  label: 'Columns',
                  content: () =>
                    result.evaluation?.importance && (
                      <ImportanceTab importance={result.evaluation.importance} result={result.id} />
                    ),
                },
              ]
            : []),
          ...(result.tier !== null && result.current_version !== null
            ? [{ value: 'limits', label: 'Limits', content: () => <LimitsTab result={result} /> }]
            : []),
          {
            value: 'versions',
            label: result.version_count > 1 ? `Versions (${result.version_count})` : 'Versions',
            content: () => <VersionsTab result={result} search={search} onSearch={onSearch} />,
          },
          {
            value: 'logs',
            label: 'Logs',
            content: () => (
              <LogsTab
                result={result}
                errorsOnly={search.errors === true}
                onErrorsOnly={(on) => onSearch({ errors: on || undefined })}
              />
            ),
          },
          {
            value: 'lineage',
            label: 'Lineage',
            content: () => (
              <LineageTab result={result} {...(editor && ended ? { onRestart: () => setRestart('same') } : {})} />
            ),
          },
          { value: 'files', label: 'Download and serve', content: () => <FilesTab result={result} /> },
        ]}
      />
      {deleting && (
        <DeleteDialog kind="results" ids={[result.id]} onClose={() => setDeleting(false)} onDeleted={onDeleted} />
      )}
      {noting && <RunNotesDialog run={result} onClose={() => setNoting(false)} />}
      {restart && <RestartDialog result={result} another={restart === 'other'} onClose={() => setRestart(null)} />}
    </>
  )
}
