/** The executor's verdict on source code, requested on demand or automatically when typing has stopped. */
import { useCallback, useEffect, useRef, useState } from 'react'
import {
  modelsValidateCancelCreate,
  modelsValidateCreate,
  type Report,
  type Verdict,
  type VerdictError,
} from '~/lib/api'
import { keyOf, type Source } from './source'

const TYPING_STOPPED_MS = 600

export interface Checked {
  verdict: Verdict
  of: Source
  /** How long the check took; null for a verdict that was already known. */
  seconds: number | null
}

interface Check {
  controller: AbortController
  framework: Source['framework']
  ticket: string
}

function newTicket(): string {
  return Math.random().toString(36).slice(2) + Math.random().toString(36).slice(2)
}

/**
 * The executor is asked to end the check. Closing the connection is not enough: it would go on for a minute while others
 * wait.
 */
function end(check: Check | null): void {
  if (check === null) return
  check.controller.abort()
  void modelsValidateCancelCreate({ body: { framework: check.framework, ticket: check.ticket } })
}

export function useVerdict(source: Source, { auto, known }: { auto: boolean; known: Report | null }) {
  const [checked, setChecked] = useState<Checked | null>(() =>
    known ? { verdict: { valid: true, report: known, error: null, output: '' }, of: source, seconds: null } : null,
  )
  const [problem, setProblem] = useState<unknown>(null)
  const [began, setBegan] = useState<number | null>(null)
  const [cancelled, setCancelled] = useState('')
  const running = useRef<Check | null>(null)
  const latest = useRef(source)
  // The source of the last check, whatever its outcome, so that an unavailable executor is not asked again for it.
  const asked = useRef(known ? keyOf(source) : '')
  const key = keyOf(source)
  useEffect(() => {
    latest.current = source
  })

  const check = useCallback(async (): Promise<void> => {
    const body = latest.current
    if (body.code.trim() === '') return
    end(running.current)
    const controller = new AbortController()
    const check: Check = { controller, framework: body.framework, ticket: newTicket() }
    running.current = check
    asked.current = keyOf(body)
    setBegan(Date.now())
    const began = performance.now()
    try {
      const asks = { ...body, ticket: check.ticket }
      const { data } = await modelsValidateCreate({ body: asks, signal: controller.signal, throwOnError: true })
      if (controller.signal.aborted) return
      setChecked({ verdict: data, of: body, seconds: (performance.now() - began) / 1000 })
      setProblem(null)
    } catch (caught) {
      if (!controller.signal.aborted) setProblem(caught)
    } finally {
      if (running.current === check) {
        running.current = null
        setBegan(null)
      }
    }
  }, [])

  useEffect(() => {
    if (!auto || key === asked.current) return
    const timer = setTimeout(() => void check(), TYPING_STOPPED_MS)
    return () => clearTimeout(timer)
  }, [auto, key, check])

  /** End the running check. Nothing is known about the code then. */
  const cancel = useCallback(() => {
    end(running.current)
    running.current = null
    setCancelled(asked.current)
    setBegan(null)
    setChecked(null)
    setProblem(null)
  }, [])

  useEffect(() => () => end(running.current), [])

  /** Take over the verdict with which saving was refused. */
  const refuse = useCallback((error: VerdictError) => {
    asked.current = keyOf(latest.current)
    setChecked({
      verdict: { valid: false, report: null, error, output: '' },
      of: latest.current,
      seconds: null,
    })
    setProblem(null)
  }, [])

  return {
    /** Whether the check of the present source was cancelled before it gave a verdict. */
    cancelled: cancelled === key && began === null && checked === null,
    checked: source.code.trim() === '' ? null : checked,
    /** Whether the verdict is about the present source. */
    current: checked !== null && keyOf(checked.of) === key,
    problem,
    checking: began !== null,
    /** When the running check began, in milliseconds since 1970; null when none runs. */
    began,
    check,
    cancel,
    refuse,
  }
}
