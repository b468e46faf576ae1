/** The files of a training, each a download. */
import { Anchor, Code, Group } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import { CopyButton } from '~/components/CopyButton'
import { RowTable } from '~/components/RowTable'
import type { Artifact, Result } from '~/lib/api'
import { formatBytes, formatExact } from '~/lib/format'
import { useFrameworks } from '~/lib/frameworks'
import { inOrder } from './files'

export function FileTable({
  result,
  version,
  files,
}: {
  result: Pick<Result, 'id' | 'model_name' | 'framework'>
  version: number
  files: readonly Artifact[]
}) {
  const frameworks = useFrameworks()
  const folder = `/api/results/${result.id}/versions/${version}/artifacts`
  return (
    <RowTable
      label="Files"
      minWidth={620}
      rows={inOrder(files, frameworks, result.framework)}
      rowKey={([file]) => file.name}
      columns={[
        {
          title: 'File',
          rowHead: true,
          cell: ([file]) => (
            <Anchor
              href={`${folder}/${encodeURIComponent(file.name)}/`}
              download
              size="sm"
              style={{ whiteSpace: 'nowrap' }}
            >
              <IconDownload size={14} aria-hidden style={{ verticalAlign: -2 }} /> {file.name}
            </Anchor>
          ),
        },
        { title: 'Purpose', cell: ([, use]) => use.purpose },
        {
          title: 'Size',
          right: true,
          cell: ([file]) => <span title={`${formatExact(file.size)} bytes`}>{formatBytes(file.size)}</span>,
          td: { style: { whiteSpace: 'nowrap' } },
        },
        {
          title: 'sha256',
          cell: ([file]) => (
            <Group gap={2} wrap="nowrap">
              <Code title={file.sha256}>{file.sha256.slice(0, 12)}…</Code>
              <CopyButton text={file.sha256} what={`the sha256 of ${file.name}`} />
            </Group>
          ),
        },
      ]}
    />
  )
}
