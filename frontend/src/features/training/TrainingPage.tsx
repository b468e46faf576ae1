/** The room of training, seen as deployments or as the runs of all of them; which one is in the address. */
import { Tabs } from '@mantine/core'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { DeploymentList } from './DeploymentList'
import { RunList } from './RunList'
import type { TrainingSearch } from './routes'

export function TrainingPage() {
  const search = useSearch({ from: '/training' })
  const navigate = useNavigate({ from: '/training' })
  const onSearch = (change: Partial<TrainingSearch>) =>
    // Another filter is another list, which begins with its first page.
    void navigate({ search: (before) => ({ ...before, page: undefined, ...change }), replace: true })
  const views = (
    <Tabs
      value={search.tab ?? 'deployments'}
      onChange={(tab) => void navigate({ search: tab === 'runs' ? { tab: 'runs' } : {} })}
    >
      <Tabs.List aria-label="Views of training">
        <Tabs.Tab value="deployments">Deployments</Tabs.Tab>
        <Tabs.Tab value="runs">Training runs</Tabs.Tab>
      </Tabs.List>
    </Tabs>
  )
  const props = { search, onSearch, views }
  return search.tab === 'runs' ? <RunList {...props} /> : <DeploymentList {...props} />
}
