/** Previews what the contract makes of the records, updated while the user edits it. */
import { Box, Group, Loader, Skeleton, Title } from '@mantine/core'
import { PreviewContent } from '~/components/contract/PreviewContent'
import { ProblemAlert } from '~/components/ProblemAlert'
import type { Preview } from '~/lib/api'
import classes from './Builder.module.css'

export function PreviewPanel({
  topic,
  preview,
  stale,
  error,
  onRetry,
}: {
  topic: string
  preview: Preview | undefined
  stale: boolean
  error: unknown
  onRetry: () => void
}) {
  return (
    <Box component="section" aria-label="Preview" className={classes.preview} tabIndex={0}>
      <Group gap="xs" mb="xs">
        <Title order={2}>What the model gets</Title>
        {stale && preview && <Loader size={14} aria-label="Updating" />}
      </Group>
      <ProblemAlert error={error} title="No preview" onRetry={onRetry} />
      {preview ? (
        <div className={stale ? classes.stale : ''}>
          <PreviewContent preview={preview} topic={topic} />
        </div>
      ) : (
        error === null && <Skeleton height={240} role="status" aria-label="Loading" />
      )}
    </Box>
  )
}
