/** What the configuration of a stream or an inference says about its data set. */
import type { Contract } from './api'

export interface DatasetOrigin {
  id: number
  name: string
  version: number
}

/** The name of the format whose records a contract decodes. */
export const COLUMNS = 'COLUMNS'

/** The data set and version of a configuration; null when it has none. */
export function datasetOf(config: Record<string, unknown>): DatasetOrigin | null {
  const origin = config.dataset as DatasetOrigin | undefined
  return typeof origin?.id === 'number' ? origin : null
}

/** The contract that decodes the records; null for any other format. */
export function contractOf(format: string, config: Record<string, unknown>): Contract | null {
  return format === COLUMNS && typeof config.contract === 'object' ? (config.contract as Contract) : null
}

/** Menu entries that export the samples of a data set or a stream as files. */
export function exportActions(address: string): { label: string; file: string }[] {
  const separator = address.includes('?') ? '&' : '?'
  return [
    ['Parquet', 'parquet'],
    ['NPZ (NumPy)', 'npz'],
  ].map(([name, format]) => ({ label: `Export samples: ${name}`, file: `${address}${separator}format=${format}` }))
}

type Found = { found: true; value: unknown } | { found: false }

function at(record: unknown, path: readonly string[]): Found {
  let value = record
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !(name in value)) return { found: false }
    value = (value as Record<string, unknown>)[name]
  }
  return { found: true, value }
}

const SOME: Record<Contract['fields'][number]['kind'], unknown> = {
  number: 1.5,
  integer: 1,
  boolean: true,
  text: 'text',
  time: '2026-01-31T12:00:00Z',
  numbers: [1.5, 2.5],
  bytes: 'AAEC',
}

/**
 * An example of a JSON record for a contract, without fields that are only labels. Values come from ``seen``, a record
 * from which the contract was learnt; missing ones are made up by kind.
 */
export function exampleRecord(contract: Contract, seen: unknown): Record<string, unknown> {
  const labels = new Set(contract.labels.map((label) => label.expression.trim()))
  const used = contract.columns.map((column) => column.expression)
  const fields = contract.fields.filter(({ path }) => {
    const name = path.join('.')
    // A field that is a label stays if a column uses it as well.
    return !labels.has(name) || used.some((expression) => expression.includes(name))
  })
  const record: Record<string, unknown> = {}
  for (const { path, kind } of fields) {
    const place = at(seen, path)
    let within = record
    for (const name of path.slice(0, -1)) {
      within[name] ??= {}
      within = within[name] as Record<string, unknown>
    }
    within[path.at(-1) as string] = place.found ? place.value : SOME[kind]
  }
  return record
}
