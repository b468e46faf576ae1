/** The users of a topic as links, such as 'input of inference 2' or 'stream 1'. */
import { Group, Text } from '@mantine/core'
import { AnchorLink } from '~/components/ButtonLink'
import { Dimmed } from '~/components/Dimmed'
import type { TopicUse } from '~/lib/api'

const ROLES: Record<TopicUse['role'], string> = {
  control: 'control topic',
  versions: 'current versions',
  dead_letters: 'dead letters',
  stream: 'data',
  unsupervised_stream: 'unlabelled data',
  input: 'input',
  output: 'output',
  upper: 'upper model',
  changelog: 'windows',
}

/** The role of the topic for its user, such as 'input'. */
export function roleWord(use: TopicUse): string {
  return ROLES[use.role]
}

export function UseLink({ use }: { use: TopicUse }) {
  if (use.id === null) return <Text size="sm">{roleWord(use)}</Text>
  const params = { id: String(use.id) }
  return (
    <Text size="sm" component="span">
      {roleWord(use)} of{' '}
      {use.type === 'inference' ? (
        <AnchorLink size="sm" to="/inference/$id" params={params}>
          inference {use.id}
        </AnchorLink>
      ) : (
        <AnchorLink size="sm" to="/streams/$id" params={params}>
          stream {use.id}
        </AnchorLink>
      )}
    </Text>
  )
}

/** The first users of a topic, for a row of a table. */
export function UseLinks({ uses, count }: { uses: readonly TopicUse[]; count: number }) {
  if (count === 0) return <Dimmed>not used by Kafka-ML</Dimmed>
  const shown = uses.slice(0, 2)
  return (
    <Group gap={4}>
      {shown.map((use, place) => (
        <Group key={`${use.role}-${use.type}-${use.id}`} gap={0}>
          <UseLink use={use} />
          {place < shown.length - 1 && ','}
        </Group>
      ))}
      {count > shown.length && <Text size="sm">and {count - shown.length} more</Text>}
    </Group>
  )
}
