/** Shown when no contract can be proposed for a topic: why, and how the user can help. */
import { Button, Group, Stack } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Remarks } from '~/components/contract/Remarks'
import { EmptyState } from '~/components/EmptyState'
import { EmptyTopic } from '~/components/EmptyTopic'
import { ProblemAlert } from '~/components/ProblemAlert'
import { type ProposalQueryRequest, type Remark, topicsRetrieveOptions } from '~/lib/api'
import { FormatDialog } from './FormatDialog'

export function NoContract({
  topic,
  asked,
  remarks,
  error,
  onRetry,
  onAsked,
}: {
  topic: string
  asked: ProposalQueryRequest
  remarks: readonly Remark[]
  error: unknown
  onRetry: () => void
  onAsked: (asked: ProposalQueryRequest) => void
}) {
  const [telling, setTelling] = useState(false)
  const found = useQuery({ ...topicsRetrieveOptions({ path: { name: topic } }), enabled: !error })
  if (!error && found.data?.records === 0) {
    return <EmptyTopic topic={found.data} action={<Button onClick={onRetry}>Try again</Button>} />
  }
  const tell = (
    <Group gap="xs">
      <Button onClick={() => setTelling(true)}>Set the record format</Button>
      {!error && (
        <Button variant="default" onClick={onRetry}>
          Try again
        </Button>
      )}
    </Group>
  )
  return (
    <>
      {error ? (
        <ProblemAlert error={error} title="The records cannot be read" onRetry={onRetry}>
          {tell}
        </ProblemAlert>
      ) : (
        <EmptyState title={`No usable fields found in ${topic}`} action={tell}>
          <Stack align="center">
            <Remarks label="Why" remarks={remarks} />
          </Stack>
        </EmptyState>
      )}
      {telling && <FormatDialog topic={topic} asked={asked} onAsked={onAsked} onClose={() => setTelling(false)} />}
    </>
  )
}
