/** Training runs that used a stream. */
import { Skeleton } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Age } from '~/components/Age'
import { ButtonLink, DeploymentLink, ModelLink, ResultLink } from '~/components/ButtonLink'
import { SmallPrint } from '~/components/Dimmed'
import { EmptyState } from '~/components/EmptyState'
import { ProblemAlert } from '~/components/ProblemAlert'
import { RowTable } from '~/components/RowTable'
import { StatusBadge } from '~/components/StatusBadge'
import { resultsListOptions, type Stream } from '~/lib/api'
import { useSession } from '~/lib/session'

const MOST = 200

export function TrainingsTab({ stream: { id: stream, note } }: { stream: Pick<Stream, 'id' | 'note'> }) {
  const { can } = useSession()
  const query = useQuery(resultsListOptions({ query: { stream, limit: MOST } }))
  if (query.isPending) return <Skeleton height={120} role="status" aria-label="Loading" />
  if (query.error) return <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />
  const { results: rows, count } = query.data
  if (rows.length === 0)
    return (
      <EmptyState
        title="No training runs"
        action={
          can('editor') && (
            <ButtonLink to="/training/new" search={{ stream }}>
              Train on this stream
            </ButtonLink>
          )
        }
        command={`kafka-ml streams send ${stream} --deployment N`}
      >
        {note || 'A waiting deployment starts when a stream is sent to it.'}
      </EmptyState>
    )
  return (
    <>
      <RowTable
        label="Training runs"
        minWidth={480}
        verticalSpacing={5}
        maw={820}
        rows={rows}
        rowKey={(result) => result.id}
        columns={[
          {
            title: 'Result',
            cell: (result) => <ResultLink id={result.id}>result {result.id}</ResultLink>,
          },
          {
            title: 'Model',
            cell: (result) => <ModelLink id={result.model}>{result.model_name}</ModelLink>,
          },
          {
            title: 'Deployment',
            cell: (result) => <DeploymentLink id={result.deployment}>deployment {result.deployment}</DeploymentLink>,
          },
          { title: 'State', cell: (result) => <StatusBadge state={result.state} /> },
          { title: 'Changed', cell: (result) => <Age at={result.updated_at} size="sm" /> },
        ]}
      />
      {count > rows.length && (
        <SmallPrint>
          The newest {rows.length} of {count}.
        </SmallPrint>
      )}
    </>
  )
}
