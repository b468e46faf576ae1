/** Offers to run an example from start to end, if the platform has its program; otherwise shows nothing. */
import { Button, Stack } from '@mantine/core'
import { IconPlayerPlay } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { examplesCreateMutation, examplesRetrieveOptions, examplesRetrieveQueryKey } from '~/lib/api'
import { useSession } from '~/lib/session'
import { ButtonLink } from './ButtonLink'
import { ProblemAlert } from './ProblemAlert'

/** The examples that download nothing. */
const OFFERED = {
  digits: 'Run the example: handwritten digits, half a minute',
  machines: 'Run the example: a topic of machine readings, a minute',
} as const

export type OfferedExample = keyof typeof OFFERED

export function RunExample({ name }: { name: OfferedExample }) {
  const { can } = useSession()
  const navigate = useNavigate()
  const queryClient = useQueryClient()
  const examples = useQuery({ ...examplesRetrieveOptions(), enabled: can('editor') })
  const start = useMutation({
    ...examplesCreateMutation(),
    onSuccess: async (answer) => {
      queryClient.setQueryData(examplesRetrieveQueryKey(), answer)
      await navigate({ to: '/examples' })
    },
  })
  if (!can('editor') || !examples.data?.available.some((example) => example.name === name)) return null
  if (examples.data.run?.state === 'running')
    return (
      <ButtonLink to="/examples" variant="default">
        See the example that is running: {examples.data.run.name}
      </ButtonLink>
    )
  return (
    <Stack gap="xs">
      <Button
        size="xs"
        variant="default"
        leftSection={<IconPlayerPlay size={14} aria-hidden />}
        loading={start.isPending}
        onClick={() => start.mutate({ body: { name } })}
      >
        {OFFERED[name]}
      </Button>
      <ProblemAlert error={start.error} />
    </Stack>
  )
}
