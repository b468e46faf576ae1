/** Files that a training left, each a download. */
import { Anchor, Code, Group } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import { CopyButton } from '~/components/CopyButton'
import { RowTable } from '~/components/RowTable'
import type { Artifact, Result } from '~/lib/api'
import { formatBytes, formatExact } from '~/lib/format'
import { savedName, usageOf } from './files'

export function FileTable({
  result,
  version,
  files,
}: {
  result: Pick<Result, 'id' | 'model_name'>
  version: number
  files: readonly Artifact[]
}) {
  const folder = `/api/results/${result.id}/versions/${version}/artifacts`
  return (
    <RowTable
      label="Files"
      minWidth={620}
      rows={inOrder(files)}
      rowKey={(file) => file.name}
      columns={[
        {
          title: 'File',
          rowHead: true,
          cell: (file) => (
            <Anchor
              href={`${folder}/${encodeURIComponent(file.name)}/`}
              download={savedName(result, version, file.name)}
              size="sm"
              style={{ whiteSpace: 'nowrap' }}
            >
              <IconDownload size={14} aria-hidden style={{ verticalAlign: -2 }} /> {file.name}
            </Anchor>
          ),
        },
        { title: 'Purpose', cell: (file) => usageOf(file.name).what },
        {
          title: 'Size',
          right: true,
          cell: (file) => <span title={`${formatExact(file.size)} bytes`}>{formatBytes(file.size)}</span>,
          td: { style: { whiteSpace: 'nowrap' } },
        },
        {
          title: 'sha256',
          cell: (file) => (
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

/** The model first, what only explains it last. */
export function inOrder(files: readonly Artifact[]): Artifact[] {
  return [...files].sort(
    (a, b) => Number(usageOf(a.name).auxiliary ?? false) - Number(usageOf(b.name).auxiliary ?? false),
  )
}
