/** The fields of JSON objects by dotted path: ``a.b`` is field b of the object in field a. */
import type { TopicRecord } from './api'
import { formatValue } from './format'

// The most columns of a table that a reader can use.
const MOST_FIELDS = 30
const MOST_DEPTH = 4

/** The values by path; null if the record is not a JSON object or was cut. */
export function fieldsOf({ decoded }: TopicRecord): Record<string, unknown> | null {
  if (decoded.kind !== 'json' || decoded.truncated || !decoded.text) return null
  try {
    const value: unknown = JSON.parse(decoded.text)
    return isObject(value) ? flattened(value) : null
  } catch {
    return null
  }
}

/** The paths found in the records, in order of appearance; empty unless most records are JSON objects. */
export function fieldNames(records: readonly TopicRecord[]): string[] {
  const objects = records.map(fieldsOf).filter((fields) => fields !== null)
  if (objects.length * 2 <= records.length) return []
  const names = new Set(objects.flatMap((fields) => Object.keys(fields)))
  return [...names].slice(0, MOST_FIELDS)
}

/** A value as the text of a cell. */
export function fieldText(value: unknown): string {
  if (value === undefined) return ''
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : formatValue(value)
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function flattened(object: Record<string, unknown>, depth = 1): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(object).flatMap(([name, value]) =>
      isObject(value) && depth < MOST_DEPTH && Object.keys(value).length > 0
        ? Object.entries(flattened(value, depth + 1)).map(([inner, value_]) => [`${name}.${inner}`, value_])
        : [[name, value]],
    ),
  )
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
