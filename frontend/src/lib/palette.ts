/** Colours of series: the same for the same model on every page; distinct also for colour-blind eyes. */
import { useComputedColorScheme } from '@mantine/core'

// Okabe and Ito, "Color Universal Design", 2008, without yellow (too pale on white) and black; adjusted per theme for
// contrast. The eighth is far from the others for all kinds of colour blindness, and no grey, which looks disabled.
const LIGHT = ['#0063a3', '#c04f00', '#007a58', '#a8467f', '#8a6d00', '#2b7fb8', '#6a3d9a', '#601800']
const DARK = ['#56b4e9', '#e69f00', '#2fbf94', '#e48fc0', '#d8c64a', '#8fc8f2', '#b79ae0', '#6c9c48']

export function seriesColor(index: number, scheme: 'light' | 'dark'): string {
  const colors = scheme === 'dark' ? DARK : LIGHT
  return colors[Math.abs(index) % colors.length] as string
}

/** The colour of a thing with an id (a model, a label), the same wherever it is drawn. */
export function useSeriesColor(): (id: number) => string {
  const scheme = useComputedColorScheme('light')
  return (id) => seriesColor(id, scheme)
}
