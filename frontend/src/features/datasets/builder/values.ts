/** The values of the builder. They start from a proposal or an earlier version, and are sent as a contract. */
import { columnWords, SCALABLE, SHAPED } from '~/components/contract/words'
import type {
  Column,
  Contract,
  ContractRequest,
  DatasetVersion,
  DatasetVersionWriteRequest,
  FieldSummary,
  Label,
  Proposal,
  ProposalQueryRequest,
  RecordField,
  SliceRequest,
} from '~/lib/api'
import { parseRanges, topicsOf } from '~/lib/ranges'

/** The value of a number field: a number, or incomplete input. */
type Typed = number | string

/** The values of a column. ``id`` stays the same when the column is moved or renamed. */
export interface ColumnValues
  extends Pick<Column, 'name' | 'expression' | 'encoding' | 'missing' | 'scaling' | 'input'> {
  id: number
  shape: string
  constant: string
}

export interface LabelValues extends Label {
  id: number
}

export interface SliceValues {
  by: 'all' | 'times' | 'offsets' | 'online'
  /** Local times in the format of the browser's time field: 2026-11-21T14:30. */
  since: string
  until: string
  partition: Typed
  start: Typed
  end: Typed
  /** For a data set without end: where it begins, and from how many records scales and categories are learnt. */
  from: 'oldest' | 'now' | 'time'
  fit: Typed
}

export interface BuilderValues {
  name: string
  description: string
  slice: SliceValues
  format: string
  format_config: Record<string, unknown>
  key: Contract['key']
  /** All known fields of the records. */
  fields: readonly RecordField[]
  columns: readonly ColumnValues[]
  labels: readonly LabelValues[]
  window: { on: boolean; length: Typed; stride: Typed; horizon: Typed }
  split: Contract['split']
  validation: Typed
  test: Typed
  /** The query for which the proposal was made. */
  asked: ProposalQueryRequest
}

export const WHOLE_TOPIC: SliceValues = {
  by: 'all',
  since: '',
  until: '',
  partition: '',
  start: '',
  end: '',
  from: 'oldest',
  fit: 1000,
}
const USUAL_WINDOW = { length: 10, stride: 1, horizon: 0 }

const NOTHING: BuilderValues = {
  name: '',
  description: '',
  slice: WHOLE_TOPIC,
  format: '',
  format_config: {},
  key: 'text',
  fields: [],
  columns: [],
  labels: [],
  window: { on: false, ...USUAL_WINDOW },
  split: 'content',
  validation: 0.1,
  test: 0.1,
  asked: {},
}

/** The builder's starting values for a topic. A proposal without a contract may still have fields. */
export function ofProposal(proposal: Proposal, asked: ProposalQueryRequest = {}): BuilderValues {
  const known = fieldsOf(proposal)
  const begun = proposal.contract ? ofContract(proposal.contract) : NOTHING
  return {
    ...begun,
    fields: merged(known, begun.fields),
    window: { on: false, ...USUAL_WINDOW, ...proposal.window },
    asked,
  }
}

/** The builder's starting values for a new version. The fields of the records come from a proposal, if there is one. */
export function ofVersion(version: DatasetVersion, proposal: Proposal | undefined): BuilderValues {
  const begun = ofContract(version.contract)
  return {
    ...begun,
    fields: merged(begun.fields, proposal ? fieldsOf(proposal) : []),
    validation: version.validation_rate,
    test: version.online ? NOTHING.test : version.test_rate,
    slice: version.online ? { ...WHOLE_TOPIC, by: 'online', fit: version.fit_records ?? WHOLE_TOPIC.fit } : WHOLE_TOPIC,
  }
}

/** The topic of a version's records. */
export function topicOf(version: DatasetVersion): string {
  return topicsOf(parseRanges(version.ranges))[0] ?? ''
}

function ofContract(contract: Contract): BuilderValues {
  const { format, format_config, key, fields, columns, labels, window, split } = contract
  return {
    ...NOTHING,
    format,
    format_config,
    key,
    fields,
    columns: columns.map((column, id) => columnValues(column, id)),
    labels: labels.map((label, id) => ({ ...label, id })),
    window: window ? { on: true, ...window } : NOTHING.window,
    split,
  }
}

function columnValues({ shape, constant, ...column }: Column, id: number): ColumnValues {
  return { ...column, id, shape: shape.join(' '), constant: constant === null ? '' : String(constant) }
}

function fieldsOf(proposal: Proposal): RecordField[] {
  return proposal.fields.map(({ path, kind }) => ({ path, kind }))
}

/** The fields of ``first``, followed by the fields of ``second`` that it lacks. */
function merged(first: readonly RecordField[], second: readonly RecordField[]): RecordField[] {
  const known = new Set(first.map(pathKey))
  return [...first, ...second.filter((field) => !known.has(pathKey(field)))]
}

export function pathKey({ path }: { path: readonly string[] }): string {
  return JSON.stringify(path)
}

/** The column proposed for a field, chosen by the field's kind and values. */
export function columnOfField(field: FieldSummary, columns: readonly ColumnValues[]): ColumnValues {
  const id = 1 + Math.max(-1, ...columns.map((values) => values.id))
  const plain = { id, shape: '', constant: '', missing: 'drop', scaling: 'none', input: '' } as const
  const column = { ...plain, name: freeName(field.path.at(-1) ?? '', columns), expression: field.expression }
  switch (field.kind) {
    case 'number':
    case 'integer':
      return { ...column, encoding: 'number', scaling: 'standard' }
    case 'boolean':
      return { ...column, encoding: 'boolean' }
    case 'time':
      return { ...column, encoding: 'number', expression: `EXTRACT(hour FROM ${field.expression})` }
    case 'numbers':
      return { ...column, encoding: 'numbers', shape: field.shape.join(' ') }
    case 'bytes':
      return { ...column, encoding: 'image', shape: '28 28 1' }
    default:
      return { ...column, encoding: 'one_hot' }
  }
}

/** An empty column for the user to write. */
export function emptyColumn(columns: readonly ColumnValues[]): ColumnValues {
  return {
    id: 1 + Math.max(-1, ...columns.map((column) => column.id)),
    name: freeName('column', columns),
    expression: '',
    encoding: 'number',
    shape: '',
    missing: 'drop',
    constant: '',
    scaling: 'none',
    input: '',
  }
}

function freeName(wanted: string, columns: readonly { name: string }[]): string {
  const taken = new Set(columns.map((column) => column.name))
  let name = wanted
  for (let number = 2; taken.has(name); number += 1) name = `${wanted}_${number}`
  return name
}

/**
 * The columns that read a field. ``all`` are those that mention it; ``alone`` are those that mention no other of
 * ``fields``.
 */
export function columnsOfField(
  field: FieldSummary,
  columns: readonly ColumnValues[],
  fields: readonly FieldSummary[],
): { all: ColumnValues[]; alone: ColumnValues[] } {
  const others = fields.filter((fieldSummary) => fieldSummary !== field)
  const all = columns.filter((column) => reads(column.expression, field))
  return { all, alone: all.filter((values) => !others.some((other) => reads(values.expression, other))) }
}

/** Whether an expression contains the whole name of a field. */
function reads(text: string, { expression }: FieldSummary): boolean {
  const name = expression.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`(?<![\\w."])${name}(?![\\w"])`).test(text)
}

/** The contract for the API. With ``all`` it includes the fields that no expression uses yet. */
export function contractOf(values: BuilderValues, { all = false } = {}): ContractRequest {
  const { format, format_config, key, columns, labels, window, split } = values
  const texts = [...columns, ...labels].map((column) => column.expression)
  return {
    format,
    format_config,
    key,
    fields: all ? [...values.fields] : usedFields(values.fields, texts),
    columns: columns.map(columnRequest),
    labels: labels.map(({ id: _id, ...label }) => ({ ...label, classes: label.kind === 'class' ? label.classes : [] })),
    // Incomplete input is sent unchanged, because the API explains what it expects.
    window: window.on
      ? { length: window.length as number, stride: window.stride as number, horizon: window.horizon as number }
      : null,
    split,
  }
}

function columnRequest({ id: _id, shape, constant, ...column }: ColumnValues): Column {
  return {
    ...column,
    shape: SHAPED.has(column.encoding) ? (shape.match(/\d+/g) ?? []).map(Number) : [],
    scaling: SCALABLE.has(column.encoding) ? column.scaling : 'none',
    constant: column.missing === 'constant' ? constantOf(column.encoding, constant) : null,
  }
}

function constantOf(encoding: Column['encoding'], text: string): Column['constant'] {
  if (encoding === 'category' || encoding === 'one_hot') return text
  if (encoding === 'boolean') return /^(true|1)$/i.test(text.trim())
  const number = Number(text)
  return text.trim() === '' || Number.isNaN(number) ? text : number
}

/** The fields whose names all occur in one of the texts: at least those that the expressions use. */
export function usedFields(fields: readonly RecordField[], texts: readonly string[]): RecordField[] {
  const has = (text: string, name: string) => text.includes(name) || text.includes(name.replaceAll('"', '""'))
  return fields.filter(({ path }) => texts.some((text) => path.every((name) => has(text, name))))
}

/** The slice for the API. ``now`` is the time of saving; a preview has none and uses the records that exist. */
export function sliceOf(topic: string, slice: SliceValues, now?: Date): SliceRequest {
  const { by, since, until, partition, start, end, from, fit } = slice
  const number = (value: Typed) => (value === '' ? null : Number(value))
  if (by === 'online') {
    const first = from === 'time' ? timeOf(since) : from === 'now' ? (now?.toISOString() ?? null) : null
    return { topic, online: true, since: first, fit_records: number(fit) }
  }
  if (by === 'times') return { topic, since: timeOf(since), until: timeOf(until) }
  if (by === 'offsets') return { topic, partition: number(partition), start: number(start), end: number(end) }
  return { topic }
}

/** A local time in the format of the API; null if the text is not a time. */
export function timeOf(local: string): string | null {
  const time = new Date(local)
  return Number.isNaN(time.getTime()) ? null : time.toISOString()
}

/** The version for the API. */
export function versionOf(topic: string, values: BuilderValues, now = new Date()): DatasetVersionWriteRequest {
  return { slice: sliceOf(topic, values.slice, now), contract: contractOf(values), ...ratesOf(values) }
}

/** The shares that validate and test. A data set without end has no test samples. */
export function ratesOf({ slice, validation, test }: BuilderValues) {
  return { validation_rate: validation as number, test_rate: slice.by === 'online' ? 0 : (test as number) }
}

/** How the values of a column become numbers, as one line. */
export function columnText(column: ColumnValues): string {
  const { id: _id, ...plain } = column
  return `${columnWords({ ...plain, ...columnRequest(column) })}${column.input ? `; to the input ${column.input}` : ''}`
}

const SHOWN = /^(columns|labels|name|description|key|split|window|format|format_config|validation_rate|test_rate)$/
const SHOWN_OF: Record<string, readonly string[]> = {
  columns: ['name', 'expression', 'encoding', 'shape', 'missing', 'constant', 'scaling', 'input'],
  labels: ['name', 'expression', 'kind', 'classes'],
  window: ['length', 'stride', 'horizon'],
  slice: ['topic', 'partition', 'start', 'end', 'since', 'until', 'fit_records'],
}

/** Whether some field of the builder shows the problems at ``place``. */
export function isShown(place: string): boolean {
  const [part = '', ...rest] = place.split('.')
  if (rest.length === 0) return SHOWN.test(place) || part === 'slice'
  const [what] = rest.slice(part === 'columns' || part === 'labels' ? 1 : 0)
  return what === undefined || (SHOWN_OF[part] ?? []).includes(what)
}
