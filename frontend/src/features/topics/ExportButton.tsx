/** Saves the records on the page as JSON. */
import { Button } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import type { TopicRecord } from '~/lib/api'
import { saveFile } from '~/lib/saveFile'

export function ExportButton({ topic, records }: { topic: string; records: readonly TopicRecord[] }) {
  return (
    <Button
      size="xs"
      variant="default"
      leftSection={<IconDownload size={14} aria-hidden />}
      disabled={records.length === 0}
      onClick={() => saveFile(`${topic}.json`, JSON.stringify(records, null, 2), 'application/json')}
    >
      JSON
    </Button>
  )
}
