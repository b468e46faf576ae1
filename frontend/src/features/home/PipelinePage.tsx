/** Home: the pipeline, alive. Boxes and lines, or a list on a phone, or a table; and the checklist until all is done. */
import { SegmentedControl, Skeleton, Stack } from '@mantine/core'
import { useElementSize } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { PageTitle } from '~/components/PageTitle'
import { ProblemAlert } from '~/components/ProblemAlert'
import { pipelineRetrieveOptions } from '~/lib/api'
import { formatRate, plural } from '~/lib/format'
import { Checklist } from './Checklist'
import { checklist } from './checklist'
import { FailingNow } from './FailingNow'
import { MIN_WIDTH } from './layout'
import { PictureList } from './PictureList'
import { PictureTable } from './PictureTable'
import { PictureView } from './PictureView'

const route = getRouteApi('/')

export function PipelinePage() {
  const { view } = route.useSearch()
  const navigate = route.useNavigate()
  const { ref, width } = useElementSize()
  const pipeline = useQuery(pipelineRetrieveOptions())
  const data = pipeline.data
  const steps = data ? checklist(data) : []
  const rate = (data?.nodes ?? []).reduce((sum, node) => sum + (node.kind === 'inference' ? (node.rate ?? 0) : 0), 0)
  return (
    <Stack gap="md" ref={ref}>
      <PageTitle
        title="Pipeline"
        description={
          data
            ? `${plural(data.totals.active_runs, 'training run')} and ${plural(data.totals.active_inferences, 'inference')} active, ${formatRate(rate)} predicted`
            : 'From streams through training to predictions'
        }
        actions={
          <SegmentedControl
            aria-label="Shown as"
            data={[
              { value: 'picture', label: 'Picture' },
              { value: 'table', label: 'Table' },
            ]}
            value={view ?? 'picture'}
            onChange={(next) =>
              void navigate({ search: { view: next === 'table' ? 'table' : undefined }, replace: true })
            }
          />
        }
      />
      <ProblemAlert error={pipeline.error} onRetry={() => void pipeline.refetch()} />
      {data === undefined || width === 0 ? (
        pipeline.error === null && <Skeleton height={320} role="status" aria-label="Loading" />
      ) : (
        <>
          <FailingNow pipeline={data} />
          {view === 'table' ? (
            <PictureTable pipeline={data} />
          ) : width < MIN_WIDTH ? (
            <PictureList pipeline={data} steps={steps} />
          ) : (
            <PictureView pipeline={data} steps={steps} width={width} />
          )}
          <Checklist steps={steps} />
        </>
      )}
    </Stack>
  )
}
