/** Text that something is narrowed by, a moment after it was typed. */
import { Button, TextInput, type TextInputProps } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { IconSearch, IconX } from '@tabler/icons-react'
import { useEffect, useState } from 'react'

interface SearchFieldProps extends Omit<TextInputProps, 'value' | 'onChange' | 'label'> {
  value: string
  onChange: (text: string | undefined) => void
  /** Its name; shown only where it is asked for. */
  label?: string
  labelled?: boolean
  /** Searches after this many milliseconds without another letter. */
  wait?: number
}

export function SearchField(props: SearchFieldProps) {
  const { value, onChange, label = 'Search', labelled = false, wait = 250, ...input } = props
  const [text, setText] = useState(value)
  const send = useDebouncedCallback((next: string) => onChange(next || undefined), wait)
  // The address also changes by links and the browser's own buttons.
  useEffect(() => setText(value), [value])
  return (
    <TextInput
      size="xs"
      w={240}
      type="search"
      {...(labelled ? { label } : { 'aria-label': label })}
      placeholder={label}
      leftSection={<IconSearch size={14} aria-hidden />}
      rightSection={
        text ? (
          <Button
            aria-label="Clear the search"
            variant="transparent"
            size="compact-xs"
            px={2}
            onClick={() => {
              setText('')
              send.cancel()
              onChange(undefined)
            }}
          >
            <IconX size={14} aria-hidden />
          </Button>
        ) : null
      }
      value={text}
      onChange={(event) => {
        setText(event.currentTarget.value)
        send(event.currentTarget.value)
      }}
      {...input}
    />
  )
}
