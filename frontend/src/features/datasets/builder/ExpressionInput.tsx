/**
 * A SQL expression over a record. An error is shown below it: where it is, what was expected, what may have been meant.
 */
import { Button, Text, TextInput, type TextInputProps } from '@mantine/core'
import { useState } from 'react'
import classes from './Builder.module.css'
import { corrected, type FormProblem, markedText } from './problems'

interface ExpressionInputProps extends Omit<TextInputProps, 'value' | 'onChange' | 'error'> {
  value: string
  onChange: (expression: string) => void
  problems: readonly FormProblem[] | undefined
}

export function ExpressionInput({ value, onChange, problems, ...input }: ExpressionInputProps) {
  return (
    <TextInput
      size="xs"
      autoCapitalize="off"
      spellCheck={false}
      maxLength={2000}
      styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
      error={
        problems?.length
          ? problems.map((problem) => (
              <ExpressionProblem
                key={problem.message}
                problem={problem}
                current={problem.text === value}
                onMend={onChange}
              />
            ))
          : undefined
      }
      {...input}
    />
  )
}

/** The problem of an expression. It uses only spans, because it stands in a paragraph. */
function ExpressionProblem({
  problem,
  current,
  onMend,
}: {
  problem: FormProblem
  /** Whether the problem is about the present expression. */
  current: boolean
  onMend: (expression: string) => void
}) {
  const [listed, setListed] = useState(false)
  const marked = markedText(problem)
  const known = problem.known ?? []
  const meant = problem.meant ?? []
  return (
    <span className={classes.problem} data-stale={!current || undefined} aria-live="polite">
      {marked && (
        <code className={classes.quote}>
          {marked.before}
          <mark className={classes.mark}>{marked.marked || ' '}</mark>
          {marked.after}
        </code>
      )}
      <span>
        {problem.message}
        {/* Suggestions are shown as buttons and replace the hint. */}
        {problem.hint && meant.length === 0 && <span className={classes.hint}> {problem.hint}</span>}
      </span>
      <span className={classes.correction}>
        {meant.length > 0 && 'Did you mean'}
        {meant.map((name) => {
          const text = corrected(problem, name)
          return (
            <Button
              key={name}
              size="compact-xs"
              variant="default"
              ff="monospace"
              disabled={!current || text === null}
              onClick={() => text !== null && onMend(text)}
            >
              {name}
            </Button>
          )
        })}
        {known.length > 0 && (
          <Button size="compact-xs" variant="subtle" aria-expanded={listed} onClick={() => setListed(!listed)}>
            {listed ? 'Hide the names' : 'Known names'}
          </Button>
        )}
      </span>
      {listed && (
        <Text component="span" size="xs" c="var(--mantine-color-text)" ff="monospace" display="block">
          {known.join(', ')}
        </Text>
      )}
    </span>
  )
}
