/** Shown while the code of a page loads, once that takes noticeably long. */
import { Center, Loader, Stack, Text } from '@mantine/core'
import { useLive } from '~/lib/live'

export function PagePending() {
  const { state } = useLive()
  return (
    <Center h="40vh">
      <Stack align="center" gap="sm" role="status">
        <Loader aria-label="Loading" />
        {state === 'lost' && <Text size="sm">The platform is not responding. Trying again…</Text>}
      </Stack>
    </Center>
  )
}
