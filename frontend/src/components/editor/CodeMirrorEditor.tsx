/** CodeMirror 6 as a React component; only CodeEditor.tsx loads it. */
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from '@codemirror/autocomplete'
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands'
import { json } from '@codemirror/lang-json'
import { python } from '@codemirror/lang-python'
import { bracketMatching, foldGutter, foldKeymap, indentOnInput, indentUnit } from '@codemirror/language'
import { type Diagnostic, lintGutter, setDiagnostics } from '@codemirror/lint'
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search'
import { Annotation, Compartment, EditorState, type Extension, Prec } from '@codemirror/state'
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
  placeholder as placeholderOf,
} from '@codemirror/view'
import { useComputedColorScheme } from '@mantine/core'
import { useEffect, useRef } from 'react'
import type { CodeEditorProps, LineDiagnostic } from '../CodeEditor'
import { editorTheme } from './theme'

// Marks values that were set from outside, so that they are not reported back as typed.
const fromOutside = Annotation.define<boolean>()

export default function CodeMirrorEditor({
  value,
  onChange,
  onSubmit,
  readOnly = false,
  diagnostics,
  label,
  minHeight = 120,
  maxHeight = 560,
  language = 'python',
  placeholder,
  autoFocus,
  reveal,
  hintId,
}: CodeEditorProps & { hintId: string | undefined }) {
  const host = useRef<HTMLDivElement>(null)
  const view = useRef<EditorView | null>(null)
  const latest = useRef({ onChange, onSubmit })
  const parts = useRef({ theme: new Compartment(), access: new Compartment() })
  const dark = useComputedColorScheme('light') === 'dark'
  // The first values of the props. Effects below apply later changes.
  const first = useRef({ value, dark, autoFocus, access: accessOf(readOnly, label, hintId) })

  useEffect(() => {
    latest.current = { onChange, onSubmit }
  })

  useEffect(() => {
    if (host.current === null) return
    const { theme, access } = parts.current
    const editor = new EditorView({
      parent: host.current,
      state: EditorState.create({
        doc: first.current.value,
        extensions: [
          theme.of(editorTheme(first.current.dark)),
          access.of(first.current.access),
          language === 'json' ? json() : python(),
          indentUnit.of(language === 'json' ? '  ' : '    '),
          placeholder ? placeholderOf(placeholder) : [],
          lineNumbers(),
          foldGutter(),
          lintGutter(),
          history(),
          drawSelection(),
          indentOnInput(),
          bracketMatching(),
          closeBrackets(),
          autocompletion(),
          search({ top: true }),
          highlightSelectionMatches(),
          highlightActiveLine(),
          highlightActiveLineGutter(),
          Prec.highest(
            keymap.of([
              {
                key: 'Mod-Enter',
                // The event goes no further, because the page may have the same shortcut.
                stopPropagation: true,
                run: () => {
                  latest.current.onSubmit?.()
                  return latest.current.onSubmit !== undefined
                },
              },
            ]),
          ),
          keymap.of([
            ...closeBracketsKeymap,
            ...defaultKeymap,
            ...searchKeymap,
            ...historyKeymap,
            ...foldKeymap,
            ...completionKeymap,
            indentWithTab,
          ]),
          EditorView.theme({
            '.cm-scroller': { minHeight: `${minHeight}px`, maxHeight: `${maxHeight}px` },
            '.cm-content, .cm-gutter': { minHeight: `${minHeight}px` },
          }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged && !update.transactions.some((transaction) => transaction.annotation(fromOutside)))
              latest.current.onChange?.(update.state.doc.toString())
          }),
        ],
      }),
    })
    // The scrolling region can be focused, so that the keyboard can scroll it even in a read-only editor.
    editor.scrollDOM.tabIndex = 0
    editor.scrollDOM.setAttribute('role', 'group')
    editor.scrollDOM.setAttribute('aria-label', `${label}, scrollable`)
    if (first.current.autoFocus) editor.focus()
    view.current = editor
    return () => {
      first.current.value = editor.state.doc.toString()
      editor.destroy()
      view.current = null
    }
  }, [language, placeholder, minHeight, maxHeight, label])

  useEffect(() => {
    view.current?.dispatch({ effects: parts.current.theme.reconfigure(editorTheme(dark)) })
  }, [dark])

  useEffect(() => {
    view.current?.dispatch({ effects: parts.current.access.reconfigure(accessOf(readOnly, label, hintId)) })
  }, [readOnly, label, hintId])

  useEffect(() => {
    const editor = view.current
    if (editor === null || editor.state.doc.toString() === value) return
    editor.dispatch({
      changes: { from: 0, to: editor.state.doc.length, insert: value },
      annotations: fromOutside.of(true),
    })
  }, [value])

  useEffect(() => {
    const editor = view.current
    if (editor === null) return
    editor.dispatch(
      setDiagnostics(
        editor.state,
        (diagnostics ?? []).map((diagnostic) => rangeOf(editor.state, diagnostic)),
      ),
    )
  }, [diagnostics])

  useEffect(() => {
    const editor = view.current
    if (editor === null || reveal === undefined) return
    const line = editor.state.doc.line(Math.min(Math.max(1, reveal.line), editor.state.doc.lines))
    editor.dispatch({ selection: { anchor: line.to }, effects: EditorView.scrollIntoView(line.from, { y: 'center' }) })
    editor.focus()
  }, [reveal])

  return <div ref={host} />
}

function accessOf(readOnly: boolean, label: string, hintId: string | undefined): Extension {
  return [
    EditorState.readOnly.of(readOnly),
    EditorView.contentAttributes.of({
      'aria-label': label,
      ...(hintId ? { 'aria-describedby': hintId } : {}),
      ...(readOnly ? { 'aria-readonly': 'true' } : {}),
    }),
  ]
}

/** The range of a line without its indentation, as a diagnostic of the editor. */
function rangeOf(state: EditorState, { line, message, severity = 'error' }: LineDiagnostic): Diagnostic {
  const { from, to, text } = state.doc.line(Math.min(Math.max(1, line), state.doc.lines))
  const start = from + (text.length - text.trimStart().length)
  return { from: Math.min(start, to), to, severity, message }
}
