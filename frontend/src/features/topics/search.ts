/** What a topic's page keeps in its address, and the API's queries that follow from it. */
import type { TopicsRecordsListData } from '~/lib/api'
import { oneOf, textOf } from '~/lib/listSearch'

export const STARTS = ['newest', 'oldest', 'offset', 'time', 'live'] as const
export const DECODERS = ['auto', 'text', 'json', 'hex', 'raw', 'avro', 'telegraf'] as const
export type Start = (typeof STARTS)[number]
export type DecoderName = (typeof DECODERS)[number]

export const PAGE_RECORDS = 50

export interface TopicSearch {
  tab?: string | undefined
  /** Where reading begins; newest without it. */
  from?: Start | undefined
  /** With ``from`` offset. */
  offset?: number | undefined
  /** With ``from`` time: a local time such as 2026-11-21T14:30. */
  time?: string | undefined
  /** Cursors of the API: older and newer records than a page's. */
  before?: string | undefined
  after?: string | undefined
  partition?: number | undefined
  q?: string | undefined
  decoder?: DecoderName | undefined
  dtype?: string | undefined
  shape?: string | undefined
  ltype?: string | undefined
  lshape?: string | undefined
  schema?: string | undefined
  lschema?: string | undefined
  /** The record that is looked at: ``partition:offset``. */
  record?: string | undefined
  /** Whether the dialog is open that announces records for training. */
  train?: boolean | undefined
}

export function topicSearch(search: Record<string, unknown>): TopicSearch {
  return {
    tab: textOf(search.tab),
    train: search.train === true || undefined,
    from: oneOf(search.from, STARTS),
    offset: wholeOf(search.offset),
    time: textOf(search.time),
    before: textOf(search.before),
    after: textOf(search.after),
    partition: wholeOf(search.partition),
    q: textOf(search.q),
    decoder: oneOf(search.decoder, DECODERS),
    dtype: textOf(search.dtype),
    shape: textOf(search.shape),
    ltype: textOf(search.ltype),
    lshape: textOf(search.lshape),
    schema: textOf(search.schema),
    lschema: textOf(search.lschema),
    record: textOf(search.record),
  }
}

/** A whole number from 0, or nothing. */
function wholeOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : undefined
}

type RecordsQuery = NonNullable<TopicsRecordsListData['query']>

/** How records are to be decoded, as the API asks for it. */
export function decoderQuery(search: TopicSearch): RecordsQuery {
  const { decoder } = search
  if (!decoder || decoder === 'auto') return {}
  if (decoder === 'raw') {
    return given({
      decoder,
      data_type: search.dtype ?? 'float32',
      data_reshape: search.shape,
      label_type: search.ltype,
      label_reshape: search.lshape,
    })
  }
  if (decoder === 'avro') return given({ decoder, data_scheme: search.schema, label_scheme: search.lschema })
  return { decoder }
}

/** The page of records that the address means. */
export function recordsQuery(search: TopicSearch): RecordsQuery {
  const { from } = search
  const time = search.time === undefined ? Number.NaN : new Date(search.time).getTime()
  return given({
    ...decoderQuery(search),
    ...filterQuery(search),
    before: search.before,
    after: search.after,
    start: from === 'oldest' ? 'oldest' : from === 'offset' ? String(search.offset ?? 0) : undefined,
    timestamp: from === 'time' && Number.isFinite(time) ? Math.max(0, time) : undefined,
    limit: PAGE_RECORDS,
  })
}

/** What of the topic is looked at, in pages and live. */
export function filterQuery(search: TopicSearch): RecordsQuery {
  return given({ partition: search.partition, contains: search.q })
}

/** The address of the live tail. */
export function tailUrl(name: string, search: TopicSearch): string {
  const parameters = new URLSearchParams()
  for (const [key, value] of Object.entries({ ...decoderQuery(search), ...filterQuery(search) })) {
    parameters.set(key, String(value))
  }
  const query = parameters.toString()
  return `/api/topics/${encodeURIComponent(name)}/tail/${query ? `?${query}` : ''}`
}

function given(query: { [Name in keyof RecordsQuery]: RecordsQuery[Name] | undefined }): RecordsQuery {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)) as RecordsQuery
}
