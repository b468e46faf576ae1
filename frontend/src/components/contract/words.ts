/** A contract in words: how records become samples, as people say it. */
import type { Column, Contract, DatasetVersion, EncodingEnum, FieldKindEnum, MissingEnum, ScalingEnum } from '~/lib/api'
import { formatCount, formatMoment, formatShape, plural } from '~/lib/format'

export const ENCODINGS: Record<EncodingEnum, string> = {
  number: 'number',
  boolean: 'true or false',
  category: 'category, as a number',
  one_hot: 'category, one-hot',
  numbers: 'list of numbers',
  image: 'image',
}

export const MISSING: Record<MissingEnum, string> = {
  drop: 'skip the record',
  constant: 'a constant',
  mean: 'the mean',
  last: 'the last value of the same key',
}

export const SCALINGS: Record<ScalingEnum, string> = {
  none: 'unchanged',
  min_max: 'to 0..1',
  standard: 'mean 0, deviation 1',
  robust: 'median 0, quartiles 1 apart',
}

export const SPLITS: Record<Contract['split'], string> = {
  content: 'at random',
  time: 'by time: the newest records test',
  key: 'by key: each key is in one part only',
}

export const KINDS: Record<FieldKindEnum, string> = {
  number: 'number',
  integer: 'whole number',
  boolean: 'true or false',
  text: 'text',
  time: 'time',
  numbers: 'list',
  bytes: 'bytes',
}

const KEYS: Record<Exclude<Contract['key'], 'none'>, string> = { text: 'texts', number: 'numbers', bytes: 'bytes' }

/** Encodings whose numbers can be scaled, and whose missing values can be replaced by the mean. */
export const SCALABLE: ReadonlySet<EncodingEnum> = new Set(['number', 'numbers'])
/** Encodings that have a shape. */
export const SHAPED: ReadonlySet<EncodingEnum> = new Set(['numbers', 'image'])

/** The number of records as text, such as '1.2k records'; for a data set without end, that it has no end. */
export function recordsWords({ records }: Pick<DatasetVersion, 'records'>): string {
  return records === null ? 'no end' : `${formatCount(records)} records`
}

/** The time from which a data set without end takes records, as text. */
export function sinceWords({ since }: Pick<DatasetVersion, 'since'>): string {
  return since === null || new Date(since).getTime() === 0 ? 'from the oldest record' : `since ${formatMoment(since)}`
}

/** How a column becomes numbers, such as 'number, mean 0, deviation 1; the mean if missing'. */
export function columnWords(column: Omit<Column, 'name' | 'expression'>): string {
  const shape = SHAPED.has(column.encoding) && column.shape.length > 0 ? ` of ${formatShape(column.shape)}` : ''
  const scaling = column.scaling === 'none' ? '' : `, ${SCALINGS[column.scaling]}`
  const missing = column.missing === 'drop' ? 'left out' : missingWords(column)
  return `${ENCODINGS[column.encoding]}${shape}${scaling}; ${missing} if missing`
}

export function missingWords({ missing, constant }: Pick<Column, 'missing' | 'constant'>): string {
  if (missing !== 'constant') return MISSING[missing]
  return constant === '' ? 'an empty text instead' : `${String(constant)} instead`
}

/** One sentence for each part of a contract. */
export function contractSentences(contract: Contract): readonly (readonly [part: string, text: string])[] {
  const { columns, labels, window } = contract
  return [
    ['Records', `${contract.format}${contract.key === 'none' ? '' : `, with ${KEYS[contract.key]} as keys`}`],
    ['Sample', sampleWords(contract)],
    [
      'Label',
      labels.length === 0
        ? 'none'
        : `${labels.map((label) => label.name).join(', ')}, ${labels[0]?.kind === 'class' ? 'a class' : plural(labels.length, 'number')}`,
    ],
    ...(window ? ([['Window', windowWords(window)]] as const) : []),
    ['Split', SPLITS[contract.split]],
    ...(columns.some((column) => column.missing === 'drop')
      ? ([['Left out', 'records with a missing value and no replacement for it']] as const)
      : []),
  ]
}

function sampleWords({ columns, window }: Contract): string {
  const inputs = new Map<string, string[]>()
  for (const { name, input } of columns) inputs.set(input, [...(inputs.get(input) ?? []), name])
  const parts = [...inputs].map(([input, names]) => `${input ? `${input}: ` : ''}${names.join(', ')}`)
  return `${window ? `${window.length} records, each of ` : ''}${parts.join('; ')}`
}

export function windowWords({ length, stride, horizon }: NonNullable<Contract['window']>): string {
  const every = stride === 1 ? 'one per record' : `one every ${stride} records`
  const label =
    horizon === 0 ? 'the label is that of the last record' : `the label is that ${plural(horizon, 'record')} ahead`
  return `the last ${plural(length, 'record')} of one key, ${every}; ${label}`
}
