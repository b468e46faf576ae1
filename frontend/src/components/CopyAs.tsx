/**
 * The same action as a command, as Python and as curl. Given the present values of a form, it follows them as they
 * change.
 */
import { Button, Code, Group, Popover, SegmentedControl, Stack } from '@mantine/core'
import { IconTerminal2 } from '@tabler/icons-react'
import { useState } from 'react'
import { CopyButton } from './CopyButton'
import { SmallPrint } from './Dimmed'

export interface Equivalents {
  cli: string
  python: string
  curl: string
}

const LANGUAGES = [
  { value: 'cli', label: 'CLI' },
  { value: 'python', label: 'Python' },
  { value: 'curl', label: 'curl' },
]

export function CopyAs({ equivalents }: { equivalents: Equivalents }) {
  const [language, setLanguage] = useState<keyof Equivalents>('cli')
  const text = equivalents[language]
  return (
    <Popover width="min(640px, 92vw)" position="bottom-end" withArrow trapFocus>
      <Popover.Target>
        <Button variant="default" size="xs" leftSection={<IconTerminal2 size={14} aria-hidden />}>
          Copy as…
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <Stack gap="xs">
          <Group justify="space-between">
            <SegmentedControl
              aria-label="Language"
              data={LANGUAGES}
              value={language}
              onChange={(value) => setLanguage(value as keyof Equivalents)}
            />
            <CopyButton text={text} label="Copy" />
          </Group>
          <Code block style={{ maxHeight: 320, overflow: 'auto' }} tabIndex={0}>
            {text}
          </Code>
          {language !== 'cli' && (
            <SmallPrint>Create an access token on your account page and put it in KML_TOKEN.</SmallPrint>
          )}
        </Stack>
      </Popover.Dropdown>
    </Popover>
  )
}
