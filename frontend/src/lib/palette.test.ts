import { expect, test } from 'vitest'
import { seriesColor, visibleColor } from './palette'

const THEMES = [
  ['light', '#ffffff'],
  ['dark', '#16181d'],
] as const

function channels(color: string): number[] {
  return [1, 3, 5].map((start) => Number.parseInt(color.slice(start, start + 2), 16))
}

/** Relative luminance, WCAG 2.2. */
function luminance(color: string): number {
  const [red = 0, green = 0, blue = 0] = channels(color).map((channel) => {
    const value = channel / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

test.each(THEMES)('series of the %s theme are seen, and none looks disabled', (scheme, body) => {
  for (let index = 0; index < 8; index += 1) {
    const color = seriesColor(index, scheme)
    const [darker = 0, lighter = 0] = [luminance(color), luminance(body)].sort((a, b) => a - b)
    expect((lighter + 0.05) / (darker + 0.05), color).toBeGreaterThan(3)
    // The three channels of a grey are equal.
    expect(Math.max(...channels(color)) - Math.min(...channels(color)), color).toBeGreaterThan(60)
  }
})

test('a colour that a user chose is kept where it is visible, otherwise made lighter or darker', () => {
  expect(visibleColor('#3b6fd4', 'light')).toBe('#3b6fd4')
  for (const [chosen, scheme, body] of [
    ['#000080', 'dark', '#16181d'],
    ['#FFF100', 'light', '#ffffff'],
  ] as const) {
    const color = visibleColor(chosen, scheme)
    const [darker = 0, lighter = 0] = [luminance(color), luminance(body)].sort((a, b) => a - b)
    expect((lighter + 0.05) / (darker + 0.05), color).toBeGreaterThanOrEqual(2)
    // The hue is kept: navy stays blue, and yellow has no blue.
    expect(channels(color).indexOf(Math.max(...channels(color)))).toBe(chosen === '#000080' ? 2 : 0)
  }
})
