/** All deployments or all training runs. The address says which of the two. */

import { Tabs } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { useListSearch } from '~/lib/useListSearch'
import { DeploymentList } from './DeploymentList'
import { RunList } from './RunList'
import type { TrainingSearch } from './routes'

export function TrainingPage() {
  const [search, onSearch] = useListSearch<TrainingSearch>('/training')
  const navigate = useNavigate({ from: '/training' })
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
