/**
 * The home page: the live pipeline as a picture, as a list on a phone, or as a table. The checklist is shown until all
 * is done.
 */
import { Button, Group, SegmentedControl, Skeleton, Stack } from '@mantine/core'
import { useElementSize } from '@mantine/hooks'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useMemo } from 'react'
import { AnchorLink } from '~/components/ButtonLink'
import { Dimmed } from '~/components/Dimmed'
import { PageTitle } from '~/components/PageTitle'
import { ProblemAlert } from '~/components/ProblemAlert'
import { SearchField } from '~/components/SearchField'
import { pipelineRetrieveOptions } from '~/lib/api'
import { oneOf } from '~/lib/listSearch'
import { Checklist } from './Checklist'
import { checklist } from './checklist'
import { FailingNow } from './FailingNow'
import { filtered, foldedText, foldRest, HOURS, isFull, ONLY } from './folding'
import { MIN_WIDTH } from './layout'
import { PictureList } from './PictureList'
import { PictureTable } from './PictureTable'
import { PictureView } from './PictureView'
import { totalsText } from './words'

const route = getRouteApi('/')
const WHICH = [
  { value: 'all', label: 'All' },
  { value: 'active', label: 'Active' },
  { value: 'failing', label: 'Failing' },
]
// A select would take 15 kB of the first page.
const TIMES = [
  { value: 'any', label: 'Any time' },
  { value: '1', label: 'Last hour' },
  { value: '24', label: 'Day' },
  { value: '168', label: 'Week' },
]

export function PipelinePage() {
  const { view, find = '', only, hours, rest } = route.useSearch()
  const navigate = route.useNavigate()
  const { ref, width } = useElementSize()
  const pipeline = useQuery(pipelineRetrieveOptions())
  const data = pipeline.data
  const steps = data ? checklist(data) : []
  const isFiltered = find !== '' || only !== undefined || hours !== undefined
  // The picture holds only active and recent objects. A search covers all objects.
  const search = useQuery({
    ...pipelineRetrieveOptions({ query: { find, ...(only && { only }), ...(hours && { hours }) } }),
    enabled: isFiltered,
    placeholderData: keepPreviousData,
  })
  const found = isFiltered ? (search.data ?? data) : data
  const { shown, folded } = useMemo(() => {
    if (found === undefined) return { shown: undefined, folded: [] }
    const { shown: kept, folded: cut } = isFiltered || rest ? { shown: found, folded: [] } : foldRest(found)
    return { shown: { ...found, ...filtered(kept, { text: find, only }) }, folded: cut }
  }, [found, find, only, rest, isFiltered])
  // The steps left to do depend on all objects, not on those that match the search.
  const ghosts = isFiltered ? [] : steps
  const rate = (data?.nodes ?? []).reduce((sum, node) => sum + (node.kind === 'inference' ? (node.rate ?? 0) : 0), 0)
  return (
    <Stack gap="md" ref={ref}>
      <PageTitle
        title="Pipeline"
        description={data ? totalsText(data.totals, rate) : 'From streams through training to predictions'}
        actions={
          <SegmentedControl
            aria-label="Shown as"
            data={[
              { value: 'picture', label: 'Picture' },
              { value: 'table', label: 'Table' },
            ]}
            value={view ?? 'picture'}
            onChange={(next) =>
              void navigate({
                search: (before) => ({ ...before, view: next === 'table' ? 'table' : undefined }),
                replace: true,
              })
            }
          />
        }
      />
      <ProblemAlert error={pipeline.error} onRetry={() => void pipeline.refetch()} />
      <ProblemAlert error={search.error} onRetry={() => void search.refetch()} />
      {data === undefined || shown === undefined || (width === 0 && view !== 'table') ? (
        pipeline.error === null && <Skeleton height={320} role="status" aria-label="Loading" />
      ) : (
        <>
          <FailingNow pipeline={data} />
          {data.nodes.length > 0 && (
            <Group gap="sm">
              <SearchField
                label="Find by name"
                value={find}
                onChange={(text) => void navigate({ search: (before) => ({ ...before, find: text }), replace: true })}
              />
              <SegmentedControl
                aria-label="Which boxes"
                data={WHICH}
                value={only ?? 'all'}
                onChange={(next) =>
                  void navigate({ search: (before) => ({ ...before, only: oneOf(next, ONLY) }), replace: true })
                }
              />
              <SegmentedControl
                aria-label="Time"
                data={TIMES}
                value={hours?.toString() ?? 'any'}
                onChange={(next) =>
                  void navigate({
                    search: (before) => ({ ...before, hours: HOURS.find((hours) => String(hours) === next) }),
                    replace: true,
                  })
                }
              />
              {(folded.length > 0 || (rest && !isFiltered)) && (
                <Group gap={6}>
                  {folded.length > 0 && <Dimmed>{foldedText(folded)} at rest</Dimmed>}
                  <Button
                    size="compact-xs"
                    variant="default"
                    aria-expanded={rest === true}
                    onClick={() =>
                      void navigate({
                        search: (before) => ({ ...before, rest: rest ? undefined : true }),
                        replace: true,
                      })
                    }
                  >
                    {rest ? 'Fold what is at rest' : 'Show'}
                  </Button>
                </Group>
              )}
            </Group>
          )}
          {isFiltered && isFull(shown) && (
            <Dimmed>
              At most {shown.most} boxes of a kind are shown. <AnchorLink to="/training">Training</AnchorLink> and{' '}
              <AnchorLink to="/inference">Inference</AnchorLink> list everything.
            </Dimmed>
          )}
          {isFiltered && shown.nodes.length === 0 ? (
            <Dimmed role="status">{search.isPending || search.isPlaceholderData ? 'Searching' : 'No matches'}</Dimmed>
          ) : view === 'table' ? (
            <PictureTable pipeline={shown} />
          ) : width < MIN_WIDTH ? (
            <PictureList pipeline={shown} steps={ghosts} />
          ) : (
            <PictureView pipeline={shown} steps={ghosts} width={width} />
          )}
          <Checklist steps={steps} />
        </>
      )}
    </Stack>
  )
}
