/** Records as they arrive in a topic. The user can pause the list. */
import { Button, Group, Stack, Text } from '@mantine/core'
import { IconPlayerPause, IconPlayerPlay } from '@tabler/icons-react'
import { useState } from 'react'
import { Dimmed } from '~/components/Dimmed'
import { ProblemAlert } from '~/components/ProblemAlert'
import { RecordTable, recordId } from '~/components/RecordTable'
import { StatusBadge } from '~/components/StatusBadge'
import type { Topic, TopicRecord } from '~/lib/api'
import { formatCount, formatRate, plural } from '~/lib/format'
import { useLive } from '~/lib/live'
import { ExportButton } from './ExportButton'
import { useFields } from './fields'
import { RecordDrawer } from './RecordDrawer'
import { type TopicSearch, tailUrl } from './search'
import { useTail } from './useTail'

interface Props {
  topic: Topic
  search: TopicSearch
  onSearch: (change: TopicSearch) => void
}

export function LiveRecords({ topic, search, onSearch }: Props) {
  const [held, setHeld] = useState(false)
  const { paused } = useLive()
  const tail = useTail(tailUrl(topic.name, search), held)
  // The clicked record is kept here, because the list moves on and may no longer hold it.
  const [selected, setSelected] = useState<TopicRecord | undefined>()
  const { fields, controls } = useFields(topic.name, tail.records, search, onSearch)
  const still = held || paused
  return (
    <Stack gap="sm">
      <Group justify="space-between" gap="sm">
        <Group gap="sm">
          <StatusBadge
            state={still ? 'stopped' : tail.state === 'open' ? 'running' : 'waiting'}
            label={still ? 'held' : tail.state === 'open' ? 'live' : 'connecting'}
            tooltip={still ? 'Paused' : 'Records appear here as they are committed'}
          />
          <Dimmed aria-live="off">
            {plural(tail.arrived, 'record')} arrived, {formatRate(tail.perSecond)}
            {tail.arrived > tail.records.length
              ? `; the last ${formatCount(tail.records.length)} sampled are shown`
              : ''}
          </Dimmed>
        </Group>
        <Group gap="xs">
          {controls}
          <Button
            size="xs"
            variant="default"
            aria-pressed={held}
            leftSection={held ? <IconPlayerPlay size={14} aria-hidden /> : <IconPlayerPause size={14} aria-hidden />}
            onClick={() => setHeld(!held)}
          >
            {held ? 'Resume' : 'Pause'}
          </Button>
          <Button size="xs" variant="default" disabled={tail.records.length === 0} onClick={tail.clear}>
            Clear
          </Button>
          <ExportButton topic={topic.name} records={tail.records} />
        </Group>
      </Group>
      <ProblemAlert error={tail.error} />
      {tail.records.length === 0 ? (
        <Text c="dimmed" py="xl" ta="center">
          {paused ? 'The page is paused: no new records are read.' : 'Waiting for the next record…'}
        </Text>
      ) : (
        <RecordTable
          records={tail.records}
          fields={fields}
          label={`Records arriving in ${topic.name}`}
          {...(selected ? { selected: recordId(selected) } : {})}
          onSelect={setSelected}
          withPartition={topic.partitions.length > 1}
        />
      )}
      <RecordDrawer topic={topic.name} record={selected} onClose={() => setSelected(undefined)} />
    </Stack>
  )
}
