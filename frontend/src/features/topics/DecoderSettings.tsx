/** The settings of a decoder, as its format describes them. */
import { Autocomplete, Button, Group, Textarea, TextInput } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import type { FormatSetting } from '~/lib/api'
import type { TopicSearch } from './search'

const TYPES = [
  'uint8',
  'int8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'float16',
  'float32',
  'float64',
  '>f4',
  '>f8',
  '>i4',
  '>i8',
  'bool',
  'string',
]

/** The initial settings: those without which no record can be read. */
export function defaultSettings(settings: readonly FormatSetting[]): Record<string, string> {
  return Object.fromEntries(
    settings.filter((setting) => setting.default).map((setting) => [setting.name, setting.default]),
  )
}

export function DecoderSettings({
  settings,
  search,
  onSearch,
}: {
  settings: readonly FormatSetting[]
  search: TopicSearch
  onSearch: (change: TopicSearch) => void
}) {
  const [values, setValues] = useState(search.settings ?? defaultSettings(settings))
  const apply = (event: FormEvent) => {
    event.preventDefault()
    const entries = settings.map(({ name }) => [name, values[name]?.trim() ?? ''] as const)
    onSearch({ settings: Object.fromEntries(entries.filter(([, value]) => value !== '')) })
  }
  return (
    <form onSubmit={apply}>
      <Group gap="sm" align="flex-end">
        {settings.map((setting) => (
          <SettingField
            key={setting.name}
            setting={setting}
            value={values[setting.name] ?? ''}
            onChange={(value) => setValues({ ...values, [setting.name]: value })}
          />
        ))}
        <Button type="submit" size="xs" variant="default">
          Decode
        </Button>
      </Group>
    </form>
  )
}

function SettingField({
  setting,
  value,
  onChange,
}: {
  setting: FormatSetting
  value: string
  onChange: (value: string) => void
}) {
  const common = { size: 'xs', label: setting.title, placeholder: setting.labels ? 'none' : setting.example, value }
  if (setting.kind === 'type') return <Autocomplete {...common} w={148} data={TYPES} onChange={onChange} />
  if (setting.kind === 'shape') {
    return <TextInput {...common} w={128} onChange={(event) => onChange(event.currentTarget.value)} />
  }
  return (
    <Textarea
      {...common}
      w={320}
      maw="100%"
      autosize
      minRows={2}
      maxRows={8}
      styles={{ input: { fontFamily: 'monospace' } }}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  )
}
