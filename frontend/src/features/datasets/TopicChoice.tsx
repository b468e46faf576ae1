/** Chooses the topic of a new data set. */
import { Button, Group, Select } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { type FormEvent, useState } from 'react'
import { ProblemAlert } from '~/components/ProblemAlert'
import { topicsListOptions } from '~/lib/api'
import { formatCount } from '~/lib/format'

const MOST = 100

export function TopicChoice() {
  const navigate = useNavigate()
  const [typed, setTyped] = useState('')
  const [chosen, setChosen] = useState<string | null>(null)
  const [wanted] = useDebouncedValue(typed, 250)
  const topics = useQuery(topicsListOptions({ query: { limit: MOST, ...(wanted ? { search: wanted } : {}) } }))
  const go = (event: FormEvent) => {
    event.preventDefault()
    if (chosen) void navigate({ to: '/datasets/new', search: { topic: chosen } })
  }
  return (
    <form onSubmit={go}>
      <ProblemAlert error={topics.error} onRetry={() => void topics.refetch()} />
      <Group align="flex-end" gap="sm">
        <Select
          label="Topic"
          description="Its records are sampled, and a contract is proposed"
          placeholder="Choose a topic"
          searchable
          required
          w={420}
          maw="100%"
          nothingFoundMessage="No matching topic"
          data={(topics.data?.results ?? []).map(({ name, records }) => ({
            value: name,
            label: `${name} (${formatCount(records)} records)`,
          }))}
          onSearchChange={(text) => setTyped(text.replace(/ \(.*\)$/, ''))}
          value={chosen}
          onChange={setChosen}
        />
        <Button type="submit" disabled={chosen === null}>
          Continue
        </Button>
      </Group>
    </form>
  )
}
