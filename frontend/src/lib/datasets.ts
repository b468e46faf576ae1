/** What a stream, or an inference, says of the data set that it is of. */
import type { Contract } from './api'

export interface DatasetOrigin {
  id: number
  name: string
  version: number
}

/** The format of records that a contract decodes. */
export const COLUMNS = 'COLUMNS'

/** Which version of which data set; null: it is of none. */
export function datasetOf(config: Record<string, unknown>): DatasetOrigin | null {
  const told = config.dataset as DatasetOrigin | undefined
  return typeof told?.id === 'number' ? told : null
}

/** The contract by which records are decoded; null: by another format. */
export function contractOf(format: string, config: Record<string, unknown>): Contract | null {
  return format === COLUMNS && typeof config.contract === 'object' ? (config.contract as Contract) : null
}

/** The addresses at which samples of a data set or a stream are files, as entries of a menu. */
export function exportActions(address: string): { label: string; file: string }[] {
  const separator = address.includes('?') ? '&' : '?'
  return [
    ['Parquet', 'parquet'],
    ['NPZ (NumPy)', 'npz'],
  ].map(([name, format]) => ({ label: `Export samples: ${name}`, file: `${address}${separator}format=${format}` }))
}
