/** The address of a topic's page, and the queries to the API made from it. */
import type { TopicsRecordsListData } from '~/lib/api'
import { oneOf, textOf } from '~/lib/listSearch'

export const STARTS = ['newest', 'oldest', 'offset', 'time', 'live'] as const
/** The decoders without settings. The API lists those of the formats. */
export const PLAIN_DECODERS = ['auto', 'text', 'json', 'hex'] as const
export type Start = (typeof STARTS)[number]

export const PAGE_RECORDS = 50

export interface TopicSearch {
  tab?: string | undefined
  /** Where reading begins; at the newest records if missing. */
  from?: Start | undefined
  /** The first offset, when ``from`` is 'offset'. */
  offset?: number | undefined
  /** The first time, when ``from`` is 'time': a local time such as 2026-11-21T14:30. */
  time?: string | undefined
  /** The cursors of the API for records older and newer than a page. */
  before?: string | undefined
  after?: string | undefined
  partition?: number | undefined
  q?: string | undefined
  /** Whether ``q`` is a regular expression. */
  regex?: boolean | undefined
  decoder?: string | undefined
  /** The settings of the decoder, under the API's names. */
  settings?: Record<string, string> | undefined
  /** The record in the drawer: ``partition:offset``. */
  record?: string | undefined
  /** Whether the dialog for training is open. */
  train?: boolean | undefined
  /** Whether the dialog that writes a record is open. */
  write?: boolean | undefined
  /** Whether the dialog that writes a file is open. */
  file?: boolean | undefined
  /** 'value' shows JSON values as they are instead of by field. */
  view?: 'value' | undefined
}

export function topicSearch(search: Record<string, unknown>): TopicSearch {
  return {
    tab: textOf(search.tab),
    train: search.train === true || undefined,
    write: search.write === true || undefined,
    file: search.file === true || undefined,
    view: oneOf(search.view, ['value'] as const),
    from: oneOf(search.from, STARTS),
    offset: wholeOf(search.offset),
    time: textOf(search.time),
    before: textOf(search.before),
    after: textOf(search.after),
    partition: wholeOf(search.partition),
    q: textOf(search.q),
    regex: search.regex === true || undefined,
    decoder: textOf(search.decoder),
    settings: textsOf(search.settings),
    record: textOf(search.record),
  }
}

/** An object with the properties that are texts; undefined when there are none. */
function textsOf(value: unknown): Record<string, string> | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const texts = Object.entries(value).filter(([, text]) => typeof text === 'string')
  return texts.length > 0 ? Object.fromEntries(texts) : undefined
}

/** A whole number from 0 upwards; undefined for anything else. */
function wholeOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : undefined
}

type RecordsQuery = NonNullable<TopicsRecordsListData['query']>

/** The decoder and its settings as the API expects them. */
export function decoderQuery(search: TopicSearch): RecordsQuery {
  const { decoder, settings } = search
  if (!decoder || decoder === 'auto') return {}
  if (decoder === 'text' || decoder === 'json' || decoder === 'hex') return { decoder }
  // Unknown settings are sent too, because the API refuses them by name.
  return { ...settings, decoder: decoder as NonNullable<RecordsQuery['decoder']> }
}

/** The query for the page of records at an address. */
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

/** The filters that apply to pages and to the live tail. */
export function filterQuery(search: TopicSearch): RecordsQuery {
  return given({ partition: search.partition, [search.regex ? 'matches' : 'contains']: search.q })
}

/** The URL of the live tail. */
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
