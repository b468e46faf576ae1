/** Names and colours of classes and outputs: those of the configuration, with sensible defaults. */
import { useComputedColorScheme } from '@mantine/core'
import { useMemo } from 'react'
import type { VisualizationRequest } from '~/lib/api'
import { seriesColor, visibleColor } from '~/lib/palette'

export interface Naming {
  nameOf: (id: number) => string
  /** The colour of a class or output as a CSS value. */
  colorOf: (id: number) => string
}

/**
 * ``names``: the classes as the training named them, in the order of the outputs. They are used when the view names
 * none.
 */
export function useNaming(config: VisualizationRequest | null, names: readonly string[]): Naming {
  const scheme = useComputedColorScheme('light')
  return useMemo(() => namingOf(config, scheme, names), [config, scheme, names])
}

export function namingOf(
  config: VisualizationRequest | null,
  scheme: 'light' | 'dark',
  names: readonly string[] = [],
): Naming {
  const taken = new Set(config?.labels.map((label) => label.color?.toLowerCase()))
  const palette = Array.from({ length: 8 }, (_, index) => seriesColor(index, scheme))
  const free = palette.filter((color) => !taken.has(color))
  const labels = new Map(config?.labels.map((label) => [label.id, label]))
  const regression = config?.type === 'regression'
  const ownName = (id: number) => (!regression && names[id] ? nameOfClass(names[id]) : undefined)
  return {
    nameOf: (id) => labels.get(id)?.label ?? ownName(id) ?? `${regression ? 'Output' : 'Class'} ${id}`,
    colorOf: (id) => {
      const chosen = labels.get(id)?.color
      return chosen ? visibleColor(chosen, scheme) : (free[id % free.length] ?? seriesColor(id, scheme))
    },
  }
}

/** Distinct default colours, readable in both themes. */
const COLORS = [
  '#3b6fd4',
  '#d9731a',
  '#1f9d6b',
  '#b8559a',
  '#9a7d0a',
  '#2aa0c8',
  '#8557c4',
  '#7a7f87',
  '#d0473d',
  '#5a9e1f',
]

/** A default colour for the ``index``-th label. */
export function labelColor(index: number): string {
  return COLORS[index % COLORS.length] as string
}

/** A first configuration: the class names of the training's confusion matrix, or one label per output. */
export function suggestedConfig(
  names: readonly string[],
  outputs: number,
  type: VisualizationRequest['type'],
): VisualizationRequest {
  const count = names.length > 0 && type === 'classification' ? names.length : Math.max(outputs, 0)
  const word = type === 'regression' ? 'Output' : 'Class'
  return {
    type,
    average_updated: false,
    average_window: 5000,
    labels: Array.from({ length: Math.min(count, 1000) }, (_, id) => ({
      id,
      color: labelColor(id),
      label: names[id] && type === 'classification' ? nameOfClass(names[id]) : `${word} ${id}`,
    })),
  }
}

/** A class that is only a number gets a word in front. */
function nameOfClass(name: string): string {
  return /^\d+(\.\d+)?$/.test(name) ? `Class ${Number(name)}` : name
}
