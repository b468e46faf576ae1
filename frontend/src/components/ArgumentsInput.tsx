/** A field for ``epochs=5, shuffle=True``: completes names and words as one types, and tells what each argument means. */
import { Combobox, Group, ScrollArea, Text, TextInput, useCombobox } from '@mantine/core'
import { type ReactNode, useRef, useState } from 'react'
import { type AcceptedArgument, complete, completionAt, emptyMeaning } from './argumentCompletion'
import { SmallPrint } from './Dimmed'

export type { AcceptedArgument } from './argumentCompletion'

// Lines as high as the field let some fonts' underscores fall on its edge, where they are not drawn.
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
  /** Some of the arguments, which stand for what an empty field means. */
  example: string
  value: string
  onChange: (value: string) => void
  /** What can be given, the usual first. */
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
    // After the new text is in the field.
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
      // Where there is no room below the field, room is made, because above it the list would cover the error.
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
          // Above the field, because the list of what can be written is below it.
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
