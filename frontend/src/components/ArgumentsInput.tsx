/**
 * A field for ``epochs=5, shuffle=True``: completes names and words while the user types, and explains each argument.
 */
import { Combobox, Group, ScrollArea, Text, TextInput, useCombobox } from '@mantine/core'
import { type ReactNode, useRef, useState } from 'react'
import { type AcceptedArgument, complete, completionAt, emptyMeaning } from './argumentCompletion'
import { SmallPrint } from './Dimmed'

export type { AcceptedArgument } from './argumentCompletion'

// Extra line height: in some fonts the underscore falls on the lower edge of the field and is not drawn.
const ARGUMENTS_TEXT = { fontFamily: 'var(--mantine-font-family-monospace)', fontSize: '0.8125rem', lineHeight: 1.5 }

export function ArgumentsInput({
  label,
  description,
  example,
  value,
  onChange,
  accepted,
  error,
}: {
  label: string
  description: string
  /** A few arguments with their defaults, shown as the placeholder of an empty field. */
  example: string
  value: string
  onChange: (value: string) => void
  /** The arguments that the field accepts, the most common ones first. */
  accepted: readonly AcceptedArgument[]
  error?: ReactNode
}) {
  const input = useRef<HTMLInputElement>(null)
  const [caret, setCaret] = useState(value.length)
  const combobox = useCombobox({ onDropdownClose: () => combobox.resetSelectedOption() })
  const place = completionAt(value, caret, accepted)
  const empty = emptyMeaning(example, accepted)

  const follow = () => setCaret(input.current?.selectionStart ?? value.length)
  const choose = (index: number) => {
    const option = place.options[index]
    if (!option) return
    const next = complete(value, place, option)
    onChange(next.text)
    setCaret(next.selectTo)
    // The caret can be set only after the field shows the new text.
    requestAnimationFrame(() => {
      input.current?.focus()
      input.current?.setSelectionRange(next.selectFrom, next.selectTo)
    })
    combobox.closeDropdown()
  }
  return (
    <Combobox
      store={combobox}
      withinPortal={false}
      // The list always opens below the field, because above it would cover the error. The page grows if there is no
      // room.
      position="bottom"
      middlewares={{ flip: false }}
      onOptionSubmit={(index) => choose(Number(index))}
    >
      <Combobox.Target>
        <TextInput
          ref={input}
          label={label}
          description={empty ? `${description}. Empty means ${empty}.` : description}
          error={error}
          // The error stands above the field, because the list of completions opens below it.
          inputWrapperOrder={['label', 'description', 'error', 'input']}
          value={value}
          autoCapitalize="off"
          spellCheck={false}
          styles={{ input: ARGUMENTS_TEXT }}
          onChange={(event) => {
            onChange(event.currentTarget.value)
            setCaret(event.currentTarget.selectionStart ?? event.currentTarget.value.length)
            combobox.openDropdown()
            combobox.resetSelectedOption()
          }}
          onSelect={follow}
          onClick={() => combobox.openDropdown()}
          onBlur={() => combobox.closeDropdown()}
        />
      </Combobox.Target>
      <Combobox.Dropdown hidden={place.options.length === 0 && !place.argument}>
        {place.argument && (
          <Text size="xs" p="xs" component="div">
            <b>{place.argument.name}</b>: {place.argument.meaning}. It takes {place.argument.expected}; without it{' '}
            {place.argument.default}.
          </Text>
        )}
        <Combobox.Options aria-label={`${label}: available arguments`}>
          <ScrollArea.Autosize mah={260} type="auto">
            {place.options.map((option, index) => (
              <Combobox.Option key={option.label} value={String(index)}>
                <Group gap="sm" wrap="nowrap" align="baseline">
                  <Text size="sm" ff="monospace">
                    {option.label}
                  </Text>
                  <SmallPrint>{option.detail}</SmallPrint>
                </Group>
              </Combobox.Option>
            ))}
          </ScrollArea.Autosize>
        </Combobox.Options>
      </Combobox.Dropdown>
    </Combobox>
  )
}
