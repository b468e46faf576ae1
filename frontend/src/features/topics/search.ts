/** What a topic's page keeps in its address, and the API's queries that follow from it. */
import type { TopicsRecordsListData } from '~/lib/api'
import { oneOf, textOf } from '~/lib/listSearch'

export const STARTS = ['newest', 'oldest', 'offset', 'time', 'live'] as const
/** The decoders that need no rule; those of the formats come from the API. */
export const PLAIN_DECODERS = ['auto', 'text', 'json', 'hex'] as const
export type Start = (typeof STARTS)[number]

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
  decoder?: string | undefined
  /** The settings of the decoder, by the names of the API. */
  settings?: Record<string, string> | undefined
  /** The record that is looked at: ``partition:offset``. */
  record?: string | undefined
  /** Whether the dialog is open that announces records for training. */
  train?: boolean | undefined
  /** Whether the dialog is open that writes a record. */
  write?: boolean | undefined
  /** ``value``: values of JSON are shown as they are, not by their fields. */
  view?: 'value' | undefined
}

export function topicSearch(search: Record<string, unknown>): TopicSearch {
  return {
    tab: textOf(search.tab),
    train: search.train === true || undefined,
    write: search.write === true || undefined,
    view: oneOf(search.view, ['value'] as const),
    from: oneOf(search.from, STARTS),
    offset: wholeOf(search.offset),
    time: textOf(search.time),
    before: textOf(search.before),
    after: textOf(search.after),
    partition: wholeOf(search.partition),
    q: textOf(search.q),
    decoder: textOf(search.decoder),
    settings: textsOf(search.settings),
    record: textOf(search.record),
  }
}

/** An object of texts, or nothing. */
function textsOf(value: unknown): Record<string, string> | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const texts = Object.entries(value).filter(([, text]) => typeof text === 'string')
  return texts.length > 0 ? Object.fromEntries(texts) : undefined
}

/** A whole number from 0, or nothing. */
function wholeOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : undefined
}

type RecordsQuery = NonNullable<TopicsRecordsListData['query']>

/** How records are to be decoded, as the API asks for it. */
export function decoderQuery(search: TopicSearch): RecordsQuery {
  const { decoder, settings } = search
  if (!decoder || decoder === 'auto') return {}
  if (decoder === 'text' || decoder === 'json' || decoder === 'hex') return { decoder }
  // What the API does not know it refuses, by name.
  return { ...settings, decoder: decoder as NonNullable<RecordsQuery['decoder']> }
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
