/** An empty topic: whether it ever had records, what removed them, and how to write some. */
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { type Topic, topicsSettingsOptions } from '~/lib/api'
import { durationText, plural } from '~/lib/format'
import { EmptyState } from './EmptyState'

export function EmptyTopic({ topic, action }: { topic: Pick<Topic, 'name' | 'partitions'>; action: ReactNode }) {
  // Kafka never reuses offsets, so the end offsets tell how many records were written.
  const written = topic.partitions.reduce((sum, { high }) => sum + (high ?? 0), 0)
  const settings = useQuery({
    ...topicsSettingsOptions({ path: { name: topic.name } }),
    staleTime: 60_000,
    retry: false,
    enabled: written > 0,
  })
  const kept = settings.data?.retention_ms ?? null
  return (
    <EmptyState title="The topic is empty" action={action} command={`kafka-ml send samples.csv --topic ${topic.name}`}>
      {written === 0
        ? 'Nothing has been written to it yet.'
        : `${plural(written, 'record was', 'records were')} written to it, and Kafka has deleted them. ${
            kept === null
              ? 'It keeps records up to a size only, or somebody deleted them.'
              : `It keeps records for ${durationText(kept)} by their own time: write older ones to a topic with another retention.ms.`
          }`}
    </EmptyState>
  )
}
