/** Training runs that used a stream. */
import { Skeleton, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Age } from '~/components/Age'
import { ObjectLink } from '~/components/ButtonLink'
import { EmptyState } from '~/components/EmptyState'
import { ProblemAlert } from '~/components/ProblemAlert'
import { RowTable } from '~/components/RowTable'
import { StatusBadge } from '~/components/StatusBadge'
import { resultsListOptions } from '~/lib/api'

const MOST = 200

export function TrainingsTab({ stream }: { stream: number }) {
  const query = useQuery(resultsListOptions({ query: { stream, limit: MOST } }))
  if (query.isPending) return <Skeleton height={120} aria-label="Loading" />
  if (query.error) return <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />
  const { results: rows, count } = query.data
  if (rows.length === 0)
    return (
      <EmptyState title="Nothing was trained from it">
        A deployment that waits for a stream begins when one is sent to it.
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
        rowKey={(each) => each.id}
        columns={[
          {
            title: 'Result',
            cell: (each) => (
              <ObjectLink to="/results/$id" id={each.id}>
                result {each.id}
              </ObjectLink>
            ),
          },
          {
            title: 'Model',
            cell: (each) => (
              <ObjectLink to="/models/$id" id={each.model}>
                {each.model_name}
              </ObjectLink>
            ),
          },
          {
            title: 'Deployment',
            cell: (each) => (
              <ObjectLink to="/training/$id" id={each.deployment}>
                deployment {each.deployment}
              </ObjectLink>
            ),
          },
          { title: 'State', cell: (each) => <StatusBadge state={each.state} /> },
          { title: 'Changed', cell: (each) => <Age at={each.updated_at} size="sm" /> },
        ]}
      />
      {count > rows.length && (
        <Text size="xs" c="dimmed">
          The newest {rows.length} of {count}.
        </Text>
      )}
    </>
  )
}
