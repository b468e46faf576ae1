/** Colours of series. A model has the same colour on every page, and the colours suit colour-blind readers. */
import { useComputedColorScheme } from '@mantine/core'

// Okabe and Ito, "Color Universal Design", 2008, without yellow (too pale on white) and black; adjusted per theme for
// contrast. The eighth is far from the others for all kinds of colour blindness, and no grey, which looks disabled.
const LIGHT = ['#0063a3', '#c04f00', '#007a58', '#a8467f', '#8a6d00', '#2b7fb8', '#6a3d9a', '#601800']
const DARK = ['#56b4e9', '#e69f00', '#2fbf94', '#e48fc0', '#d8c64a', '#8fc8f2', '#b79ae0', '#6c9c48']

export function seriesColor(index: number, scheme: 'light' | 'dark'): string {
  const colors = scheme === 'dark' ? DARK : LIGHT
  return colors[Math.abs(index) % colors.length] as string
}

const GROUNDS = { light: '#ffffff', dark: '#16181d' }
/** Contrast sufficient to be found next to a name. A higher one would turn yellow and orange into other colours. */
const CONTRAST = 2

/** Lightens or darkens a colour that the user chose (#rrggbb) just enough to be visible in a theme. */
export function visibleColor(color: string, scheme: 'light' | 'dark'): string {
  const towards = scheme === 'dark' ? 255 : 0
  const ground = luminance(channelsOf(GROUNDS[scheme]))
  let channels = channelsOf(color)
  while (contrast(luminance(channels), ground) < CONTRAST) {
    channels = channels.map((channel) => Math.round(channel + (towards - channel) * 0.1 + Math.sign(towards - channel)))
  }
  return `#${channels.map((channel) => Math.min(255, Math.max(0, channel)).toString(16).padStart(2, '0')).join('')}`
}

function channelsOf(color: string): number[] {
  return [1, 3, 5].map((place) => Number.parseInt(color.slice(place, place + 2), 16))
}

/** Relative luminance by WCAG 2.2. */
function luminance(channels: readonly number[]): number {
  const [red = 0, green = 0, blue = 0] = channels.map((channel) => {
    const share = Math.min(255, Math.max(0, channel)) / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

function contrast(one: number, other: number): number {
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)
}

/** The colour for an id (of a model or a label), the same wherever it is drawn. */
export function useSeriesColor(): (id: number) => string {
  const scheme = useComputedColorScheme('light')
  return (id) => seriesColor(id, scheme)
}
