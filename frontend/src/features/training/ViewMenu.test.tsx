import { screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { beforeEach, expect, test } from 'vitest'
import { show } from '~/testing/page'
import type { TrainingSearch } from './routes'
import { ViewMenu } from './ViewMenu'
import { isSame, searchOf, viewOf, withView } from './views'

const SEARCH: TrainingSearch = {
  tab: 'runs',
  sort: '-score.accuracy',
  where: 'parameter.epochs>=5',
  page: 3,
  sel: '1,2',
}

beforeEach(() => localStorage.clear())

test('a view is what an address shows, but for the page and what is ticked', () => {
  const view = viewOf(SEARCH)
  expect(view).toEqual({ sort: '-score.accuracy', where: 'parameter.epochs>=5' })
  expect(isSame(viewOf({ ...SEARCH, page: 1 }), view)).toBe(true)
  expect(isSame(viewOf({ ...SEARCH, tag: 'good' }), view)).toBe(false)
  // What the view leaves open returns to its default, whatever is shown now.
  expect({ ...SEARCH, tag: 'good', ...searchOf(view) }).toEqual({
    tab: 'runs',
    ...view,
    ...Object.fromEntries(
      ['q', 'state', 'framework', 'cols', 'tag', 'favourite', 'page', 'sel'].map((key) => [key, undefined]),
    ),
  })
})

test('views are in the order of their names, one of each', () => {
  const views = withView(withView([], 'b', {}), 'a', {})
  expect(withView(views, 'b', { tag: 'x' })).toEqual([
    { name: 'a', view: {} },
    { name: 'b', view: { tag: 'x' } },
  ])
})

test('a view is kept under a name, shown again, and forgotten', async () => {
  const changes: Partial<TrainingSearch>[] = []
  const menu = (search: TrainingSearch) => <ViewMenu search={search} onSearch={(change) => changes.push(change)} />
  const user = userEvent.setup({ pointerEventsCheck: 0 })
  const { unmount } = await show(menu(SEARCH))
  await user.click(await screen.findByRole('button', { name: 'Views' }))
  await user.type(await screen.findByLabelText('Keep what is shown as'), ' Best ')
  await user.click(screen.getByRole('button', { name: 'Keep', hidden: true }))
  expect(await screen.findByRole('button', { name: 'View: Best', hidden: true })).toBeInTheDocument()
  unmount()

  await show(menu({ tab: 'runs', tag: 'other' }))
  await user.click(await screen.findByRole('button', { name: 'Views' }))
  await user.click(await screen.findByRole('button', { name: 'Best', hidden: true }))
  expect(changes).toEqual([searchOf(viewOf(SEARCH))])
  await user.click(screen.getByRole('button', { name: 'Views', hidden: true }))
  await user.click(await screen.findByRole('button', { name: 'Forget the view Best', hidden: true }))
  await waitFor(() => expect(screen.queryByRole('button', { name: 'Best', hidden: true })).toBeNull())
  expect(JSON.parse(localStorage.getItem('kml-run-views-1') ?? '')).toEqual([])
})

test('something else that the browser keeps there is no view', async () => {
  localStorage.setItem('kml-run-views-1', '{"no": "list"}')
  await show(<ViewMenu search={SEARCH} onSearch={() => undefined} />)
  expect(await screen.findByRole('button', { name: 'Views' })).toBeInTheDocument()
})
