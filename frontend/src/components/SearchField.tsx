/** A field whose text filters something, shortly after the user stops typing. */
import { Button, TextInput, type TextInputProps } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { IconSearch, IconX } from '@tabler/icons-react'
import { useEffect, useState } from 'react'

interface SearchFieldProps extends Omit<TextInputProps, 'value' | 'onChange' | 'label'> {
  value: string
  onChange: (text: string | undefined) => void
  /** Name of the field; visible only if ``labelled`` is set. */
  label?: string
  labelled?: boolean
  /** Milliseconds without typing before the search starts. */
  wait?: number
}

export function SearchField(props: SearchFieldProps) {
  const { value, onChange, label = 'Search', labelled = false, wait = 250, ...input } = props
  const [text, setText] = useState(value)
  const send = useDebouncedCallback((next: string) => onChange(next || undefined), wait)
  // The text follows the address, which links and the browser's buttons change too.
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
