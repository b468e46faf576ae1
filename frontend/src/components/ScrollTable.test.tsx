import { MantineProvider } from '@mantine/core'
import { fireEvent, render, screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import { RowTable } from './RowTable'

const COLUMNS = [
  { title: 'Offset', pinnedAt: 0, cell: () => 7 },
  { title: 'Temperature', cell: () => 60 },
]

function scrollTo(viewport: HTMLElement, scrollLeft: number) {
  const widths = { scrollWidth: 900, clientWidth: 300, scrollLeft }
  for (const [name, value] of Object.entries(widths)) {
    Object.defineProperty(viewport, name, { value, configurable: true })
  }
  fireEvent.scroll(viewport)
}

test('a table that goes on to the right says so until it is scrolled to its end, and its first column stays', () => {
  const { container } = render(
    <MantineProvider env="test">
      <RowTable label="Records" minWidth={900} rows={[1]} rowKey={(row) => row} columns={COLUMNS} />
    </MantineProvider>,
  )
  const viewport = screen.getByRole('region', { name: 'Records' })
  scrollTo(viewport, 100)
  expect(container.querySelector('[data-more]')).toContainElement(viewport)
  scrollTo(viewport, 600)
  expect(container.querySelector('[data-more]')).toBeNull()
  expect(screen.getByText('Offset')).toHaveStyle({ left: '0px' })
  expect(screen.getByText('Offset').className).toMatch(/pinned/)
  expect(screen.getByText('Temperature').className).not.toMatch(/pinned/)
})
