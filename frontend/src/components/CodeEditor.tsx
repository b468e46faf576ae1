/**
 * The code editor: Python or JSON, with completion, search and diagnostics under lines; read-only where code is shown.
 * Its library is a chunk of its own, loaded when the first editor is shown.
 */
import { Box, Input, Skeleton, Text } from '@mantine/core'
import { lazy, type ReactNode, Suspense, useId } from 'react'

const CodeMirrorEditor = lazy(() => import('./editor/CodeMirrorEditor'))

/** A message at a line of the code (1-based). A line that does not exist marks the nearest existing one. */
export interface LineDiagnostic {
  line: number
  message: string
  severity?: 'error' | 'warning'
}

export interface CodeEditorProps {
  value: string
  onChange?: (value: string) => void
  readOnly?: boolean
  diagnostics?: readonly LineDiagnostic[]
  /** Name of the code: always the accessible name, and shown above the editor unless ``hideLabel`` is set. */
  label: string
  hideLabel?: boolean
  /** Small buttons to the right of the label. */
  actions?: ReactNode
  /** A line of explanation below the label. */
  description?: ReactNode
  /** Least height of the editor in pixels. */
  minHeight?: number
  maxHeight?: number
  language?: 'python' | 'json'
  placeholder?: string
  autoFocus?: boolean
  /** The line to scroll to. Passing a new object scrolls there again. */
  reveal?: { line: number } | undefined
  /** Called when the user presses Ctrl/Cmd+Enter in the editor. */
  onSubmit?: () => void
}

export function CodeEditor(props: CodeEditorProps) {
  const { label, hideLabel, actions, description, readOnly, minHeight = 120 } = props
  const hintId = useId()
  return (
    <Box>
      {(!hideLabel || actions) && (
        <Box style={{ display: 'flex', alignItems: 'flex-end', justifyContent: 'space-between', gap: 8 }} mb={4}>
          {hideLabel ? <span /> : <Input.Label component="div">{label}</Input.Label>}
          {actions}
        </Box>
      )}
      {description && (
        <Text size="xs" c="dimmed" mb={4} component="div">
          {description}
        </Text>
      )}
      <Suspense fallback={<Skeleton height={minHeight} role="status" aria-label={`${label} is loading`} />}>
        <CodeMirrorEditor {...props} minHeight={minHeight} hintId={readOnly ? undefined : hintId} />
      </Suspense>
      {!readOnly && (
        <Text id={hintId} size="xs" c="dimmed" mt={2}>
          Tab indents. To leave the editor, press Esc, then Tab.
        </Text>
      )}
    </Box>
  )
}
