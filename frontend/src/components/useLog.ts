/** Reads a log by byte offsets while it grows. What has been read stays, whatever happens to its source. */
import { useEffect, useReducer, useRef, useState } from 'react'
import type { Log } from '~/lib/api'
import { appendLog, EMPTY_LOG, type LogBuffer } from './logLines'

/** Reads the log from byte ``offset``; a negative offset counts from the end. Throws a Problem. */
export type ReadLog = (offset: number, signal: AbortSignal) => Promise<Log>

/** How far from its end a log is read at first. The reader asks for earlier parts. */
export const TAIL_BYTES = 512 * 1024
/** The pause before reading again a log that has not grown; it doubles each time that the log has not. */
const POLL_MS = 1_000
const QUIET_POLL_MS = 8_000
const RETRY_MS = 4_000

export interface LogState {
  buffer: LogBuffer
  /** The byte at which the shown text begins; 0 when the whole log is shown. */
  firstByte: number
  stored: boolean
  loading: boolean
  error: unknown
}

type Action =
  | { type: 'reset' }
  | { type: 'piece'; piece: Log; begins: boolean }
  | { type: 'caught up' }
  | { type: 'failed'; error: unknown }

const START: LogState = { buffer: EMPTY_LOG, firstByte: 0, stored: false, loading: true, error: null }

function reduce(state: LogState, action: Action): LogState {
  switch (action.type) {
    case 'reset':
      return START
    case 'piece': {
      const { piece, begins } = action
      // A piece from the middle of the log begins within a line; that part of the line is left out.
      const text = begins && piece.offset > 0 ? piece.text.slice(piece.text.indexOf('\n') + 1) : piece.text
      return {
        buffer: appendLog(state.buffer, text),
        firstByte: begins ? piece.offset : state.firstByte,
        stored: state.stored || piece.stored,
        loading: state.loading && piece.text !== '',
        error: null,
      }
    }
    case 'caught up':
      return state.loading || state.error ? { ...state, loading: false, error: null } : state
    case 'failed':
      return { ...state, loading: false, error: action.error }
  }
}

/**
 * Follow the log called ``source``, from its last 512 KiB or from its beginning. Another ``source`` starts over.
 * Following goes on while ``live``, and then to the end of the log.
 */
export function useLog(
  read: ReadLog,
  source: string,
  live: boolean,
): LogState & { fromStart: () => void; atStart: boolean } {
  const [state, dispatch] = useReducer(reduce, START)
  const [whole, setWhole] = useState<string | null>(null)
  const reader = useRef(read)
  const alive = useRef(live)
  useEffect(() => {
    reader.current = read
    alive.current = live
  })
  /** Resumes reading after the end of the log was reached. */
  const wake = useRef<(() => void) | null>(null)
  const wholeHere = whole === source
  // biome-ignore lint/correctness/useExhaustiveDependencies: source names what is read
  useEffect(() => {
    const abort = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    let offset = wholeHere ? 0 : -TAIL_BYTES
    let begins = true
    let lookedAgain = false
    let pause = POLL_MS
    wake.current = null
    dispatch({ type: 'reset' })
    const step = async () => {
      try {
        const piece = await reader.current(offset, abort.signal)
        if (abort.signal.aborted) return
        if (piece.text === '') {
          dispatch({ type: 'caught up' })
          // A process that has just ended may still have been writing, so the log is read once more.
          if (alive.current || !lookedAgain) timer = setTimeout(step, pause)
          else wake.current = () => void step()
          pause = Math.min(pause * 2, QUIET_POLL_MS)
          lookedAgain = !alive.current
          return
        }
        dispatch({ type: 'piece', piece, begins })
        begins = false
        pause = POLL_MS
        offset = piece.next_offset
        // A stored log is complete, so nothing follows its last piece.
        if (!piece.stored) timer = setTimeout(step, 0)
        else dispatch({ type: 'caught up' })
      } catch (error) {
        if (abort.signal.aborted) return
        dispatch({ type: 'failed', error })
        timer = setTimeout(step, RETRY_MS)
      }
    }
    void step()
    return () => {
      abort.abort()
      clearTimeout(timer)
    }
  }, [source, wholeHere])
  useEffect(() => {
    if (!live) return
    wake.current?.()
    wake.current = null
  }, [live])
  return { ...state, atStart: wholeHere || state.firstByte === 0, fromStart: () => setWhole(source) }
}

/** The whole log for a download, at most ``maxBytes``. */
export async function readWholeLog(read: ReadLog, signal: AbortSignal, maxBytes = 64 << 20): Promise<string> {
  const parts: string[] = []
  let offset = 0
  while (offset < maxBytes) {
    const piece = await read(offset, signal)
    if (piece.text === '') break
    parts.push(piece.text)
    offset = piece.next_offset
    if (piece.stored) break
  }
  return parts.join('')
}
