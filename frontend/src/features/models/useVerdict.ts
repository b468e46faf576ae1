/** The executor's verdict on source code: asked for at once, or by itself when typing has stopped. */
import { useCallback, useEffect, useRef, useState } from 'react'
import { modelsValidateCreate, type Report, type Verdict, type VerdictError } from '~/lib/api'
import { keyOf, type Source } from './source'

const TYPING_STOPPED_MS = 600

export interface Checked {
  verdict: Verdict
  of: Source
  /** How long the check took; null for what was known before. */
  seconds: number | null
}

export function useVerdict(source: Source, { auto, known }: { auto: boolean; known: Report | null }) {
  const [checked, setChecked] = useState<Checked | null>(() =>
    known ? { verdict: { valid: true, report: known, error: null, output: '' }, of: source, seconds: null } : null,
  )
  const [problem, setProblem] = useState<unknown>(null)
  const [checking, setChecking] = useState(false)
  const running = useRef<AbortController | null>(null)
  const latest = useRef(source)
  // What was asked about last, whatever came of it: an executor that is away is not asked again and again.
  const asked = useRef(known ? keyOf(source) : '')
  const key = keyOf(source)
  useEffect(() => {
    latest.current = source
  })

  const check = useCallback(async (): Promise<void> => {
    const body = latest.current
    if (body.code.trim() === '') return
    running.current?.abort()
    const controller = new AbortController()
    running.current = controller
    asked.current = keyOf(body)
    setChecking(true)
    const began = performance.now()
    try {
      const { data } = await modelsValidateCreate({ body, signal: controller.signal, throwOnError: true })
      if (controller.signal.aborted) return
      setChecked({ verdict: data, of: body, seconds: (performance.now() - began) / 1000 })
      setProblem(null)
    } catch (caught) {
      if (!controller.signal.aborted) setProblem(caught)
    } finally {
      if (running.current === controller) setChecking(false)
    }
  }, [])

  useEffect(() => {
    if (!auto || key === asked.current) return
    const timer = setTimeout(() => void check(), TYPING_STOPPED_MS)
    return () => clearTimeout(timer)
  }, [auto, key, check])

  useEffect(() => () => running.current?.abort(), [])

  /** Take over what saving said. */
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
    checked: source.code.trim() === '' ? null : checked,
    /** Whether the verdict is about what is in the form now. */
    current: checked !== null && keyOf(checked.of) === key,
    problem,
    checking,
    check,
    refuse,
  }
}
