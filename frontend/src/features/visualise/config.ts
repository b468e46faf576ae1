/**
 * The configuration of a view as JSON. The text is the only source; the form reads and writes it. It is checked as the
 * API checks it, and each problem has its line and field.
 */
import type { VisualizationRequest } from '~/lib/api'
import { parseWithLines } from './jsonLines'

export interface ConfigProblem {
  /** The dotted path of the field, such as ``labels.2.color``; empty for the whole. */
  path: string
  message: string
  /** The line of the text, counted from 1. */
  line: number
}

export interface LabelRow {
  id: number | null
  label: string
  color: string
}

/** The values of the form, read even from a text that is not valid yet. */
export interface ConfigForm {
  type: VisualizationRequest['type']
  average_updated: boolean
  average_window: number | null
  labels: LabelRow[]
  map: { source: 'input' | 'output'; latitude: number | null; longitude: number | null } | null
}

export interface ReadConfig {
  /** The values of the form; null when the text is not a JSON object. */
  form: ConfigForm | null
  /** The configuration; null while there are problems. */
  config: VisualizationRequest | null
  problems: ConfigProblem[]
}

export const DEFAULT_WINDOW = 5000
const MAX_WINDOW = 86_400_000
const MAX_LABELS = 1000
const MAX_POSITION = 65_535
const FIELDS = ['average_updated', 'average_window', 'type', 'labels', 'map']

/** Read the text of a configuration; never throws. */
export function readConfig(text: string): ReadConfig {
  const parsed = parseWithLines(text)
  if ('error' in parsed) return { form: null, config: null, problems: [{ path: '', ...parsed.error }] }
  const { value, lineOf } = parsed
  const problems: ConfigProblem[] = []
  const problem = (path: string, message: string) => problems.push({ path, message, line: lineOf(path) })
  if (!isObject(value)) {
    problem('', 'expected an object: { "type": "classification", "labels": [...] }')
    return { form: null, config: null, problems }
  }
  for (const name of Object.keys(value)) {
    if (!FIELDS.includes(name)) problem(name, `there is no field ${JSON.stringify(name)}`)
  }
  if (value.type !== 'classification' && value.type !== 'regression') {
    problem('type', 'type: expected "classification" or "regression"')
  }
  if (value.average_updated !== undefined && typeof value.average_updated !== 'boolean') {
    problem('average_updated', 'average_updated: expected true or false')
  }
  if (value.average_window !== undefined && !isWhole(value.average_window, 1, MAX_WINDOW)) {
    problem('average_window', 'average_window: expected whole milliseconds from 1 to 86400000 (a day)')
  }
  checkLabels(value.labels, problem)
  if (value.map !== undefined && value.map !== null) checkMap(value.map, problem)
  return {
    form: formOf(value),
    config: problems.length === 0 ? (value as unknown as VisualizationRequest) : null,
    problems,
  }
}

/** The form's values for a configuration from the API. */
export function formOfConfig(config: VisualizationRequest): ConfigForm {
  return formOf({ ...config })
}

/** Write a configuration as text, with one label per line. */
export function writeConfig(form: ConfigForm): string {
  const labels = form.labels.map(({ id, label, color }) => `    ${inline({ id, ...(color ? { color } : {}), label })}`)
  const lines = [
    `  "type": ${JSON.stringify(form.type)}`,
    `  "average_updated": ${form.average_updated}`,
    `  "average_window": ${form.average_window}`,
    labels.length === 0 ? '  "labels": []' : `  "labels": [\n${labels.join(',\n')}\n  ]`,
  ]
  if (form.map) lines.push(`  "map": ${inline(form.map)}`)
  return `{\n${lines.join(',\n')}\n}\n`
}

/** An object as JSON on one line. */
function inline(value: object): string {
  const entries = Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}: ${JSON.stringify(member)}`)
  return `{${entries.join(', ')}}`
}

/** The parameter that makes the stream use ``config`` before it is saved; null for the saved configuration. */
export function streamQuery(config: VisualizationRequest | null): string {
  if (config === null) return 'type=auto&map=off'
  const map = config.map ? `${config.map.source ?? 'output'}:${config.map.latitude}:${config.map.longitude}` : 'off'
  return new URLSearchParams({
    type: config.type,
    average_updated: String(config.average_updated ?? false),
    average_window: String(config.average_window ?? DEFAULT_WINDOW),
    // The most lines that a reader can distinguish.
    outputs:
      config.type === 'regression'
        ? config.labels
            .slice(0, 32)
            .map((label) => label.id)
            .join(',')
        : '',
    map,
  }).toString()
}

type Report = (path: string, message: string) => void

function checkLabels(labels: unknown, problem: Report): void {
  if (!Array.isArray(labels)) {
    problem('labels', 'labels: expected a list, one entry per class or output')
    return
  }
  if (labels.length > MAX_LABELS) problem('labels', `${labels.length} labels: expected at most ${MAX_LABELS}`)
  const seen = new Map<number, number>()
  labels.forEach((label: unknown, index) => {
    const path = `labels.${index}`
    if (!isObject(label)) {
      problem(path, 'expected { "id": 0, "color": "#fff100", "label": "Zero" }')
      return
    }
    for (const name of Object.keys(label)) {
      if (!['id', 'color', 'label'].includes(name))
        problem(`${path}.${name}`, `a label has no field ${JSON.stringify(name)}`)
    }
    if (!isWhole(label.id, 0, 1_000_000)) problem(`${path}.id`, 'id: expected the position of the output, from 0')
    else if (seen.has(label.id)) problem(`${path}.id`, `id ${label.id} already has a label`)
    else seen.set(label.id, index)
    if (typeof label.label !== 'string' || label.label.trim() === '') problem(`${path}.label`, 'label: expected a text')
    else if (label.label.length > 100) problem(`${path}.label`, 'label: expected at most 100 characters')
    if (label.color !== undefined && !(typeof label.color === 'string' && /^#[0-9a-f]{6}$/i.test(label.color))) {
      problem(`${path}.color`, 'color: expected six hexadecimal digits, such as #fff100')
    }
  })
}

function checkMap(map: unknown, problem: Report): void {
  if (!isObject(map)) {
    problem('map', 'map: expected { "source": "output", "latitude": 0, "longitude": 1 }')
    return
  }
  for (const name of Object.keys(map)) {
    if (!['source', 'latitude', 'longitude'].includes(name))
      problem(`map.${name}`, `map has no field ${JSON.stringify(name)}`)
  }
  if (map.source !== undefined && map.source !== 'input' && map.source !== 'output') {
    problem('map.source', 'source: expected "output" or "input"')
  }
  for (const name of ['latitude', 'longitude'] as const) {
    if (!isWhole(map[name], 0, MAX_POSITION)) problem(`map.${name}`, `${name}: expected a position, from 0`)
  }
  if (map.latitude === map.longitude && isWhole(map.latitude, 0, MAX_POSITION)) {
    problem('map.longitude', 'latitude and longitude are at the same position')
  }
}

function formOf(value: Record<string, unknown>): ConfigForm {
  const labels = Array.isArray(value.labels) ? value.labels.filter(isObject) : []
  const map = isObject(value.map) ? value.map : null
  return {
    type: value.type === 'regression' ? 'regression' : 'classification',
    average_updated: value.average_updated === true,
    average_window: value.average_window === undefined ? DEFAULT_WINDOW : numberOf(value.average_window),
    labels: labels.map((label) => ({ id: numberOf(label.id), label: textOf(label.label), color: textOf(label.color) })),
    map: map && {
      source: map.source === 'input' ? 'input' : 'output',
      latitude: numberOf(map.latitude),
      longitude: numberOf(map.longitude),
    },
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isWhole(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' ? value : null
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
