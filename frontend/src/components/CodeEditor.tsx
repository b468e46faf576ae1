/**
 * The code editor: Python or JSON, with completion, search and diagnostics under lines; read-only where code is shown.
 * Its library is a chunk of its own, loaded when the first editor is shown.
 */
import { Box, Input, Skeleton, Text } from '@mantine/core'
import { lazy, type ReactNode, Suspense, useId } from 'react'

const CodeMirrorEditor = lazy(() => import('./editor/CodeMirrorEditor'))

/** A mark under a line, 1-based; a line that does not exist marks the nearest one that does. */
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
  /** What the code is; shown above the editor unless ``hideLabel``, always its accessible name. */
  label: string
  hideLabel?: boolean
  /** Right of the label: small buttons. */
  actions?: ReactNode
  /** One line under the label. */
  description?: ReactNode
  /** Pixels. */
  minHeight?: number
  maxHeight?: number
  language?: 'python' | 'json'
  placeholder?: string
  autoFocus?: boolean
  /** A line to go to; a new object goes there again. */
  reveal?: { line: number } | undefined
  /** Ctrl/Cmd+Enter in the editor. */
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
