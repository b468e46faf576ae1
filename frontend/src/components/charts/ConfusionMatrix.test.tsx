import { MantineProvider } from '@mantine/core'
import { render, screen, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, test, vi } from 'vitest'
import { ConfusionMatrix } from './ConfusionMatrix'
import { sparklinePoints } from './Sparkline'

const MATRIX = [
  [8, 2],
  [1, 9],
]

function show(props: Partial<Parameters<typeof ConfusionMatrix>[0]> = {}) {
  return render(
    <MantineProvider>
      <ConfusionMatrix matrix={MATRIX} labels={['cat', '<img onerror=x>']} {...props} />
    </MantineProvider>,
  )
}

test('cells are counts or shares of their row', () => {
  const { rerender } = show()
  const grid = screen.getByRole('grid', { name: /2 classes, 20 samples, 85.0% correct/ })
  expect(
    within(grid)
      .getAllByRole('gridcell')
      .map((cell) => cell.textContent),
  ).toEqual(['8', '2', '1', '9'])
  rerender(
    <MantineProvider>
      <ConfusionMatrix matrix={MATRIX} labels={['cat', 'dog']} mode="shares" />
    </MantineProvider>,
  )
  expect(screen.getAllByRole('gridcell').map((cell) => cell.textContent)).toEqual(['80', '20', '10', '90'])
})

test('the arrow keys walk over the cells and Enter opens one', async () => {
  const onCell = vi.fn()
  show({ onCell, selectedCell: { actual: 0, predicted: 1 } })
  const user = userEvent.setup()
  expect(screen.getByRole('gridcell', { selected: true })).toHaveTextContent('2')
  screen.getByRole('gridcell', { selected: true }).focus()
  await user.keyboard('{ArrowDown}{ArrowDown}{ArrowLeft}{Enter}')
  expect(onCell).toHaveBeenCalledExactlyOnceWith({ actual: 1, predicted: 0 })
  await user.click(screen.getByRole('gridcell', { name: '9' }))
  expect(onCell).toHaveBeenLastCalledWith({ actual: 1, predicted: 1 })
})

test('a sparkline keeps first, last and gaps inside its box', () => {
  expect(sparklinePoints([1, null, 3], 88, 22)).toEqual([
    [3, 19],
    [85, 3],
  ])
  expect(sparklinePoints([5, 5], 88, 22).map(([, y]) => y)).toEqual([11, 11])
  expect(sparklinePoints([null, Number.NaN], 88, 22)).toEqual([])
  expect(
    sparklinePoints(
      Array.from({ length: 5000 }, (_, index) => index),
      88,
      22,
    ).length,
  ).toBeLessThan(205)
})
