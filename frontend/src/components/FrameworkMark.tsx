/** A framework's name, as people write it. */
import { Badge } from '@mantine/core'

export const FRAMEWORKS = { tensorflow: 'TensorFlow', pytorch: 'PyTorch' } as const

export function FrameworkMark({ framework }: { framework: keyof typeof FRAMEWORKS }) {
  return (
    <Badge variant="default" radius="sm" size="md" tt="none" fw={500}>
      {FRAMEWORKS[framework]}
    </Badge>
  )
}
