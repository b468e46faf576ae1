/** What the contract in the builder makes of the records, asked again when typing has stopped. */
import { useEffect, useRef, useState } from 'react'
import { datasetsPreview, type Preview } from '~/lib/api'
import { problemOf } from '~/lib/problem'
import { type FormProblems, NO_PROBLEMS, ofPreview, ofRefusal } from './problems'
import { type BuilderValues, contractOf, ratesOf, sliceOf } from './values'

const TYPING_STOPPED_MS = 350

export interface Previewed {
  preview: Preview
  /** What it is of. */
  values: BuilderValues
}

interface Verdict {
  key: string
  problems: FormProblems
  /** What went wrong otherwise. */
  error: unknown
}

export function usePreview(topic: string, values: BuilderValues) {
  const body = {
    slice: sliceOf(topic, values.slice),
    // With all fields, so that errors name those that may be used.
    contract: contractOf(values, { all: true }),
    ...ratesOf(values),
  }
  const latest = useRef({ body, values })
  const [previewed, setPreviewed] = useState<Previewed | null>(null)
  const [verdict, setVerdict] = useState<Verdict | null>(null)
  // Counted up to ask the same once more.
  const [again, setAgain] = useState(0)
  const key = JSON.stringify([body, again])
  useEffect(() => {
    latest.current = { body, values }
  })

  useEffect(() => {
    const controller = new AbortController()
    const timer = setTimeout(() => void ask(), TYPING_STOPPED_MS)
    const ask = async () => {
      const asked = latest.current
      try {
        const { data } = await datasetsPreview({ body: asked.body, signal: controller.signal, throwOnError: true })
        if (controller.signal.aborted) return
        setPreviewed({ preview: data, values: asked.values })
        setVerdict({ key, problems: ofPreview(data.problems, asked.values), error: null })
      } catch (caught) {
        if (controller.signal.aborted) return
        const problem = problemOf(caught)
        setVerdict({
          key,
          problems: ofRefusal(problem, asked.values),
          error: problem.fields.length > 0 ? null : problem,
        })
      }
    }
    return () => {
      clearTimeout(timer)
      controller.abort()
    }
  }, [key])

  return {
    previewed,
    /** Whether the answer is still about something else. */
    stale: verdict?.key !== key,
    problems: verdict?.problems ?? NO_PROBLEMS,
    error: verdict?.error ?? null,
    retry: () => setAgain((count) => count + 1),
  }
}
