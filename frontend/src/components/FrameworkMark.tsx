/** A framework's name, as people write it. */
import { Badge } from '@mantine/core'
import { titleOf, useFrameworks } from '~/lib/frameworks'

export function FrameworkTitle({ framework }: { framework: string }) {
  return titleOf(useFrameworks(), framework)
}

export function FrameworkMark({ framework }: { framework: string }) {
  return (
    <Badge variant="default" radius="sm" size="md" tt="none" fw={500}>
      <FrameworkTitle framework={framework} />
    </Badge>
  )
}
