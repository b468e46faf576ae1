/** Lists what fails now above the picture, where a failing box among many is easily overlooked. */
import { Alert, Stack, Text } from '@mantine/core'
import { IconAlertOctagon } from '@tabler/icons-react'
import { AnchorLink } from '~/components/ButtonLink'
import type { Pipeline } from '~/lib/api'
import { plural } from '~/lib/format'
import { addressOf } from './words'

export function FailingNow({ pipeline }: { pipeline: Pipeline }) {
  const failing = pipeline.nodes.filter((node) => node.state === 'failing')
  if (failing.length === 0) return null
  return (
    <Alert
      role="alert"
      color="red"
      icon={<IconAlertOctagon aria-hidden />}
      title={failing.length === 1 ? 'An inference is failing' : `${plural(failing.length, 'inference')} are failing`}
    >
      <Stack gap={4}>
        {failing.map((node) => (
          <Text key={node.key} size="sm" style={{ overflowWrap: 'anywhere' }}>
            <AnchorLink to={addressOf(node)} inherit underline="always">
              {node.name} (inference {node.id})
            </AnchorLink>
            : {node.detail}
          </Text>
        ))}
      </Stack>
    </Alert>
  )
}
