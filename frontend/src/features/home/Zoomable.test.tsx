import { fireEvent, screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import { show } from '~/testing/page'
import { fitting, Zoomable } from './Zoomable'

const size = () => Number(/scale\((.+)\)/.exec(screen.getByText('boxes').style.transform)?.[1])

test('buttons, keys and the wheel with Ctrl change the size; the wheel alone does not', async () => {
  await show(
    <Zoomable width={1000} height={200} label="Picture">
      boxes
    </Zoomable>,
  )
  const window = screen.getByRole('region', { name: 'Picture' })
  expect(size()).toBe(1)
  expect(screen.getByRole('button', { name: 'Fit' })).toBeDisabled()
  fireEvent.click(screen.getByRole('button', { name: 'Larger' }))
  expect(size()).toBeCloseTo(1.2)
  fireEvent.keyDown(window, { key: '-' })
  fireEvent.keyDown(window, { key: '-' })
  expect(size()).toBeCloseTo(1 / 1.2)
  fireEvent.keyDown(window, { key: '0' })
  expect(size()).toBe(1)
  expect(fireEvent.wheel(window, { deltaY: -100 })).toBe(true)
  expect(size()).toBe(1)
  // The browser must not zoom the page itself.
  expect(fireEvent.wheel(window, { deltaY: -100, ctrlKey: true })).toBe(false)
  expect(size()).toBeCloseTo(Math.exp(0.2))
  for (let press = 0; press < 30; press += 1) fireEvent.keyDown(window, { key: '+' })
  expect(size()).toBe(2.5)
  fireEvent.click(screen.getByRole('button', { name: 'Fit' }))
  expect(size()).toBe(1)
})

test('a picture is made to fit, but neither larger than it is nor too small to read', () => {
  expect([fitting(0.8, 2), fitting(3, 4), fitting(1, 0.1)]).toEqual([0.8, 1, 0.6])
})
