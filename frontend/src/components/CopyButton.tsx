/** Copies a text and says that it did. */
import { ActionIcon, Button, CopyButton as Copy, Tooltip } from '@mantine/core'
import { IconCheck, IconCopy } from '@tabler/icons-react'

export function CopyButton({ text, label, what = 'text' }: { text: string; label?: string; what?: string }) {
  return (
    <Copy value={text} timeout={1500}>
      {({ copied, copy }) => {
        const icon = copied ? <IconCheck size={14} aria-hidden /> : <IconCopy size={14} aria-hidden />
        if (label)
          return (
            <Button variant="default" leftSection={icon} onClick={copy}>
              {copied ? 'Copied' : label}
            </Button>
          )
        return (
          <Tooltip label={copied ? 'Copied' : `Copy ${what}`}>
            <ActionIcon variant="subtle" color="gray" size="sm" aria-label={`Copy ${what}`} onClick={copy}>
              {icon}
            </ActionIcon>
          </Tooltip>
        )
      }}
    </Copy>
  )
}
