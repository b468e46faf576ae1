/** The configuration of a view while it is edited: a text that this browser keeps until it is saved or discarded. */
import { useMemo, useState } from 'react'
import type { Inference, VisualizationRequest } from '~/lib/api'
import { readDraft, useDraft } from '~/lib/drafts'
import { formOfConfig, type ReadConfig, readConfig, writeConfig } from './config'

export interface Setup {
  text: string
  read: ReadConfig
  changed: boolean
  /**
   * The configuration that the live view uses: the text while it is valid, otherwise the saved one; null when there is
   * none.
   */
  shown: VisualizationRequest | null
  setText: (text: string) => void
  /** Forget the draft, after it was saved or discarded. */
  reset: () => void
}

const EMPTY = writeConfig({
  type: 'classification',
  average_updated: false,
  average_window: 5000,
  labels: [],
  map: null,
})

export function useSetup(inference: Inference): Setup {
  const name = `visualise-${inference.id}`
  const draft = useDraft<{ text: string }>(name, { text: '' })
  const [own, setOwn] = useState<string | null>(() => readDraft<{ text: string }>(name)?.text ?? null)
  const saved = useMemo(
    () => (inference.visualization ? writeConfig(formOfConfig(inference.visualization)) : EMPTY),
    [inference.visualization],
  )
  const text = own ?? saved
  const read = useMemo(() => readConfig(text), [text])
  const changed = own !== null && own !== saved
  return {
    text,
    read,
    changed,
    shown: useMemo(
      () => (changed && read.config ? read.config : inference.visualization),
      [changed, read.config, inference.visualization],
    ),
    setText: (next) => {
      setOwn(next)
      draft.keep({ text: next })
    },
    reset: () => {
      setOwn(null)
      draft.forget()
    },
  }
}
