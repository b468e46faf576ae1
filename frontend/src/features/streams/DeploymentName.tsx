/** The deployment named by a stream. A sink may have named a deployment that does not exist. */
import { Badge, Group, Text, Tooltip } from '@mantine/core'
import { DeploymentLink } from '~/components/ButtonLink'
import type { Stream } from '~/lib/api'
import { NONE } from '~/lib/format'

export function DeploymentName({ stream }: { stream: Stream }) {
  if (stream.deployment === null) return <Text size="sm">{NONE}</Text>
  if (!stream.deployment_exists)
    return (
      <Text size="sm" c="dimmed" component="span" title={stream.note || 'This deployment does not exist'}>
        deployment {stream.deployment} (does not exist)
      </Text>
    )
  return (
    <Group gap={6} component="span" display="inline-flex">
      <DeploymentLink id={stream.deployment}>deployment {stream.deployment}</DeploymentLink>
      {!stream.used && (
        <Tooltip label={stream.note} maw={420} multiline>
          <Badge variant="outline" color="gray" size="sm" tt="none" style={{ color: 'var(--kml-waiting)' }}>
            not used
          </Badge>
        </Tooltip>
      )}
    </Group>
  )
}
