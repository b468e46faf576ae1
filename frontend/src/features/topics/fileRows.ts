/** The rows of a CSV or JSON-lines file as records: what each would be written as, and what is wrong with which line. */
import type { NewRecordRequest } from '~/lib/api'
import { formatExact, plural } from '~/lib/format'

export const MOST_FILE_BYTES = 10 << 20
export const MOST_ROWS = 100_000
/** The most records and characters of a request. The API takes 1,000 records and 4 MiB. */
const BATCH_ROWS = 500
const BATCH_CHARACTERS = 1 << 20

export interface FileRow {
  /** The line on which the row begins, from 1. */
  line: number
  /** The value as it is written. */
  value: string
  /** The values of the fields as text, for keys. */
  texts: (string | undefined)[]
}

export interface LineProblem {
  line: number
  detail: string
}

export interface FileRows {
  fields: string[]
  rows: FileRow[]
  /** The rows that cannot be written. */
  problems: LineProblem[]
}

/** Raised for a file of which nothing can be used; the message says what to do. */
export class FileProblem extends Error {}

/** Reads a file; raises FileProblem. */
export async function readRows(file: File): Promise<FileRows> {
  if (file.size > MOST_FILE_BYTES) {
    throw new FileProblem(
      `${file.name} has ${formatExact(file.size)} bytes: at most ${formatExact(MOST_FILE_BYTES)} are written from the browser. Use kafka-ml send for larger files`,
    )
  }
  const text = decoded(await file.arrayBuffer()).replace(/^\uFEFF/, '')
  const found = /^\s*[[{]/.test(text) ? jsonRows(text) : csvRows(text)
  if (found.rows.length + found.problems.length > MOST_ROWS) {
    throw new FileProblem(`${file.name} has more than ${formatExact(MOST_ROWS)} rows: use kafka-ml send for it`)
  }
  return found
}

function decoded(bytes: ArrayBuffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new FileProblem('The file is not UTF-8 text: save it as CSV with the encoding UTF-8, or as JSON lines')
  }
}

/** A JSON object per line. Lines are written as they are. */
export function jsonRows(text: string): FileRows {
  if (text.trimStart().startsWith('[')) {
    throw new FileProblem("The file is one JSON array: expected an object per line. This makes one: jq -c '.[]' FILE")
  }
  const rows: FileRow[] = []
  const problems: LineProblem[] = []
  let fields: string[] = []
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '') continue
    const record = objectOf(line)
    if (typeof record === 'string') {
      problems.push({ line: index + 1, detail: record })
      continue
    }
    if (rows.length === 0) fields = Object.keys(record)
    rows.push({ line: index + 1, value: line.trim(), texts: fields.map((field) => keyText(record[field])) })
  }
  return { fields, rows, problems }
}

function objectOf(line: string): Record<string, unknown> | string {
  try {
    const record: unknown = JSON.parse(line)
    if (typeof record === 'object' && record !== null && !Array.isArray(record))
      return record as Record<string, unknown>
    return 'expected a JSON object'
  } catch (error) {
    return `not JSON: ${error instanceof Error ? error.message : String(error)}`
  }
}

function keyText(value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** Rows of a CSV file as JSON objects. Its first line names the columns. */
export function csvRows(text: string): FileRows {
  const delimiter = delimiterOf(text)
  const [head, ...lines] = csvLines(text, delimiter)
  const fields = (head?.cells ?? []).map((name) => name.trim())
  checkNames(fields)
  const problems = lines
    .filter(({ cells }) => cells.length !== fields.length)
    .map(({ line, cells }) => ({
      line,
      detail: `${plural(cells.length, 'value')}: expected ${fields.length}, one for each column`,
    }))
  const whole = lines.filter(({ cells }) => cells.length === fields.length)
  const write = fields.map((_, column) =>
    writerOf(
      whole.map(({ cells }) => cells[column] ?? ''),
      delimiter,
    ),
  )
  const names = fields.map((field) => JSON.stringify(field))
  const rows = whole.map(({ line, cells }) => ({
    line,
    value: `{${cells.map((cell, column) => `${names[column]}: ${write[column]?.(cell)}`).join(', ')}}`,
    texts: cells.map((cell) => (cell === '' ? undefined : cell)),
  }))
  return { fields, rows, problems }
}

function checkNames(fields: readonly string[]): void {
  const blank = fields.indexOf('')
  const twice = fields.find((field, column) => fields.indexOf(field) !== column)
  if (fields.length === 0) throw new FileProblem('The file is empty')
  if (fields.every((field) => NUMBER.test(field))) {
    throw new FileProblem('The first line holds numbers: expected the names of the columns')
  }
  if (blank >= 0) throw new FileProblem(`Column ${blank + 1} has no name: the first line must name every column`)
  if (twice !== undefined) throw new FileProblem(`Two columns are named ${twice}: give each a name of its own`)
}

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/
const COMMA_NUMBER = /^-?(0|[1-9]\d*)(,\d+)?$/

/** How a column is written: as numbers or as true and false where every value is one, otherwise as text. */
function writerOf(values: readonly string[], delimiter: string): (cell: string) => string {
  const given = values.filter((value) => value !== '')
  const orNull = (write: (cell: string) => string) => (cell: string) => (cell === '' ? 'null' : write(cell))
  // The digits stay as they are, because JavaScript's numbers would round long ones.
  if (given.every((value) => NUMBER.test(value))) return orNull((cell) => cell)
  if (delimiter !== ',' && given.every((value) => COMMA_NUMBER.test(value))) {
    return orNull((cell) => cell.replace(',', '.'))
  }
  if (given.every((value) => /^(true|false)$/i.test(value))) return orNull((cell) => cell.toLowerCase())
  return orNull((cell) => JSON.stringify(cell))
}

function delimiterOf(text: string): string {
  const head = text.slice(0, text.search(/\r?\n|$/)).replace(/"[^"]*"/g, '')
  const counted = [',', ';', '\t', '|'].map((mark) => [mark, head.split(mark).length] as const)
  return counted.reduce((best, next) => (next[1] > best[1] ? next : best))[0]
}

/** The lines of a CSV file by RFC 4180: values in quotes may hold delimiters, line breaks and doubled quotes. */
function csvLines(text: string, delimiter: string): { line: number; cells: string[] }[] {
  const lines: { line: number; cells: string[] }[] = []
  let [cells, cell, quoted, line, begun] = [[] as string[], '', false, 1, 1]
  const end = () => {
    if (cells.length > 0 || cell !== '') lines.push({ line: begun, cells: [...cells, cell] })
    cells = []
    cell = ''
    begun = line + 1
  }
  for (let at = 0; at < text.length; at++) {
    const letter = text[at] as string
    if (quoted) {
      if (letter !== '"') cell += letter
      else if (text[at + 1] === '"') {
        cell += '"'
        at++
      } else quoted = false
    } else if (letter === '"' && cell === '') quoted = true
    else if (letter === delimiter) {
      cells.push(cell)
      cell = ''
    } else if (letter === '\n') end()
    else if (letter !== '\r') cell += letter
    if (letter === '\n') line++
  }
  if (quoted) throw new FileProblem(`The quote that opens in the row at line ${begun} is never closed`)
  end()
  return lines
}

/** The rows in batches that the API takes, with the key from the given field. */
export function batchesOf(
  { fields, rows }: FileRows,
  keyField: string | null,
): { row: FileRow; record: NewRecordRequest }[][] {
  const keyAt = keyField === null ? -1 : fields.indexOf(keyField)
  const batches: { row: FileRow; record: NewRecordRequest }[][] = []
  let characters = Number.POSITIVE_INFINITY
  for (const row of rows) {
    const key = row.texts[keyAt]
    const record = { value: row.value, ...(key !== undefined && { key }) }
    if (characters + row.value.length > BATCH_CHARACTERS || (batches.at(-1)?.length ?? 0) >= BATCH_ROWS) {
      batches.push([])
      characters = 0
    }
    batches.at(-1)?.push({ row, record })
    characters += row.value.length
  }
  return batches
}
