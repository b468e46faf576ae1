/** Previews what the contract in the builder makes of the records. It is requested again when the user stops typing. */
import { useEffect, useRef, useState } from 'react'
import { datasetsPreview, type Preview } from '~/lib/api'
import { problemOf } from '~/lib/problem'
import { type FormProblems, NO_PROBLEMS, ofPreview, ofRefusal } from './problems'
import { type BuilderValues, contractOf, ratesOf, sliceOf } from './values'

const TYPING_STOPPED_MS = 350

export interface Previewed {
  preview: Preview
  /** The values that the preview is of. */
  values: BuilderValues
}

interface Verdict {
  key: string
  problems: FormProblems
  /** A failure other than problems of single fields. */
  error: unknown
}

export function usePreview(topic: string, values: BuilderValues) {
  const body = {
    slice: sliceOf(topic, values.slice),
    // The contract includes all fields, so that errors can list the usable names.
    contract: contractOf(values, { all: true }),
    ...ratesOf(values),
  }
  const latest = useRef({ body, values })
  const [previewed, setPreviewed] = useState<Previewed | null>(null)
  const [verdict, setVerdict] = useState<Verdict | null>(null)
  // Incremented to repeat the same request.
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
    /** Whether the answer is about older values. */
    stale: verdict?.key !== key,
    problems: verdict?.problems ?? NO_PROBLEMS,
    error: verdict?.error ?? null,
    retry: () => setAgain((count) => count + 1),
  }
}
