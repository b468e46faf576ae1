/** The services that check models' code, one per framework. */
import { RowTable } from '~/components/RowTable'
import { StatusBadge } from '~/components/StatusBadge'
import type { System } from '~/lib/api'
import { NONE } from '~/lib/format'

export function ExecutorTable({ executors }: { executors: System['executors'] }) {
  return (
    <RowTable
      label="Executors"
      minWidth={640}
      rows={Object.entries(executors)}
      rowKey={([framework]) => framework}
      columns={[
        { title: 'Framework', cell: ([framework]) => framework },
        {
          title: 'State',
          cell: ([, executor]) => (
            <StatusBadge
              state={executor.reachable ? 'ready' : 'failed'}
              label={executor.reachable ? 'answers' : 'not responding'}
            />
          ),
        },
        { title: 'Isolation', cell: ([, executor]) => executor.isolation || NONE },
        {
          title: 'Versions',
          cell: ([, executor]) =>
            executor.reachable
              ? Object.entries(executor.versions)
                  .map(([name, version]) => `${name} ${version}`)
                  .join(', ')
              : executor.detail,
        },
      ]}
    />
  )
}
