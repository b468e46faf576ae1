/** Splits a log that arrives in pieces into lines: a bounded number, made readable, and searched. Used by LogViewer. */
import { formatClock } from '~/lib/format'

export type LogLevel = 'error' | 'warning' | 'other'

export interface LogLine {
  /** Number of the line within what was read, from 1. It does not change when older lines are dropped. */
  number: number
  /** The line as it was written. */
  raw: string
  /** The line as the reader sees it. */
  text: string
  level: LogLevel
  /** What the model's code printed, if it printed this line. */
  printed?: string
}

export interface LogBuffer {
  lines: readonly LogLine[]
  /** The beginning of a line whose end has not arrived yet. */
  rest: string
  /** How many of the oldest lines were dropped to keep the page light. */
  dropped: number
  total: number
}

export const EMPTY_LOG: LogBuffer = { lines: [], rest: '', dropped: 0, total: 0 }

/** The most lines kept. Older ones are dropped and can be downloaded. */
export const MAX_LINES = 50_000
/** The longest line kept. A program that never prints a line break would make one line grow forever. */
const MAX_LINE_LENGTH = 20_000

// Colours and cursor movements of terminals: ESC [ ... letter.
const ESCAPES = new RegExp(`${String.fromCharCode(27)}\\[[0-9;?]*[A-Za-z]`, 'g')

/** The buffer after ``text`` has arrived. */
export function appendLog(buffer: LogBuffer, text: string, { limit = MAX_LINES } = {}): LogBuffer {
  if (text === '') return buffer
  const parts = (buffer.rest + text).split('\n')
  let rest = parts.pop() ?? ''
  if (rest.length > MAX_LINE_LENGTH) {
    parts.push(rest)
    rest = ''
  }
  const lines = [...buffer.lines]
  let total = buffer.total
  for (const part of parts) {
    total += 1
    lines.push(readLine(part.slice(0, MAX_LINE_LENGTH), total, lines.at(-1)))
  }
  const over = Math.max(0, lines.length - limit)
  return { lines: over > 0 ? lines.slice(over) : lines, rest, dropped: buffer.dropped + over, total }
}

/** All lines, including the one that is still being written. */
export function shownLines(buffer: LogBuffer): readonly LogLine[] {
  if (buffer.rest === '') return buffer.lines
  return [...buffer.lines, readLine(buffer.rest, buffer.total + 1, buffer.lines.at(-1))]
}

/** Lines that are errors (with the traceback that follows them) and contain ``query``, whatever its case. */
export function filterLines(
  lines: readonly LogLine[],
  { query = '', errorsOnly = false }: { query?: string; errorsOnly?: boolean },
): readonly LogLine[] {
  const wanted = query.trim().toLowerCase()
  if (wanted === '' && !errorsOnly) return lines
  return lines.filter(
    (line) => (!errorsOnly || line.level === 'error') && (wanted === '' || line.text.toLowerCase().includes(wanted)),
  )
}

function readLine(raw: string, number: number, before: LogLine | undefined): LogLine {
  const clean = lastOverwrite(raw.replaceAll(ESCAPES, ''))
  const entry = parseEntry(clean)
  if (entry) {
    // The platform wraps what the model's code prints in an event 'output'.
    if (entry.event === 'output' && typeof entry.line === 'string') {
      const level = plainLevel(entry.line, before?.printed === undefined ? undefined : before)
      return { number, raw: clean, text: `${timeOf(entry)} model   ${entry.line}`, level, printed: entry.line }
    }
    return { number, raw: clean, text: entryText(entry), level: entryLevel(entry) }
  }
  return { number, raw: clean, text: clean, level: plainLevel(clean, before) }
}

/** A progress bar writes over its own line, so only its last state is shown. */
function lastOverwrite(line: string): string {
  const trimmed = line.endsWith('\r') ? line.slice(0, -1) : line
  return trimmed.slice(trimmed.lastIndexOf('\r') + 1)
}

/** A line that the platform wrote: one JSON object with an event and a level. */
type Entry = Record<string, unknown> & { event: string }

function parseEntry(line: string): Entry | null {
  if (!line.startsWith('{') || !line.endsWith('}')) return null
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value !== 'object' || value === null || !('event' in value)) return null
    return typeof value.event === 'string' && 'level' in value ? (value as Entry) : null
  } catch {
    return null
  }
}

// Fields that the page shows elsewhere. They stay in the raw line.
const CONTEXT = new Set([
  'event',
  'level',
  'timestamp',
  'logger',
  'service',
  'attempt',
  'result',
  'deployment',
  'inference',
  'replica',
  'model',
  'exception',
])

/** The time of day to the millisecond, in the reader's time zone. The raw line keeps universal time. */
function timeOf(entry: Entry): string {
  const at = typeof entry.timestamp === 'string' ? Date.parse(entry.timestamp) : Number.NaN
  return Number.isNaN(at) ? '' : `${formatClock(at)}.${String(at % 1000).padStart(3, '0')}`
}

function entryText(entry: Entry): string {
  const facts = Object.entries(entry)
    .filter(([name]) => !CONTEXT.has(name))
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  const exception = typeof entry.exception === 'string' ? `\n${entry.exception}` : ''
  return [timeOf(entry), String(entry.level).padEnd(7), entry.event, ...facts].filter(Boolean).join(' ') + exception
}

function entryLevel(entry: Entry): LogLevel {
  const level = String(entry.level).toLowerCase()
  if (['error', 'critical', 'fatal'].includes(level)) return 'error'
  return level === 'warning' ? 'warning' : 'other'
}

function plainLevel(text: string, before: LogLine | undefined): LogLevel {
  if (/^Traceback \(most recent call last\)|^\s*\w*(Error|Exception)\b.*:|\b(ERROR|CRITICAL|FATAL)\b/.test(text)) {
    return 'error'
  }
  // An indented line after an error belongs to it, as in a traceback.
  if (before?.level === 'error' && /^\s+\S/.test(text)) return 'error'
  return /\bWARN(ING)?\b|\w+Warning:/.test(text) ? 'warning' : 'other'
}
