/** More or fewer replicas, without a stop. */
import { Button, Group, NumberInput, Popover, Stack, Text } from '@mantine/core'
import { IconArrowsVertical } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { ProblemAlert } from '~/components/ProblemAlert'
import {
  type Inference,
  inferencesPartialUpdateMutation,
  inferencesRetrieveOptions,
  topicsRetrieveOptions,
} from '~/lib/api'
import { plural } from '~/lib/format'
import { notifyDone } from '~/lib/notify'
import { partitionNote } from './deploy'

export function ScaleButton({ inference }: { inference: Inference }) {
  const queryClient = useQueryClient()
  const [opened, setOpened] = useState(false)
  const [replicas, setReplicas] = useState<number | ''>(inference.replicas)
  const path = { id: String(inference.id) }
  const topic = useQuery({
    ...topicsRetrieveOptions({ path: { name: inference.input_topic } }),
    enabled: opened,
    retry: false,
  })
  const scale = useMutation({
    ...inferencesPartialUpdateMutation(),
    onSuccess: async (changed) => {
      setOpened(false)
      notifyDone(`Inference ${changed.id} goes to ${plural(changed.replicas, 'replica')}`)
      await queryClient.invalidateQueries(inferencesRetrieveOptions({ path }))
    },
  })
  const partitions = topic.data ? topic.data.partitions.length : topic.isError ? null : undefined
  return (
    <Popover
      opened={opened}
      onChange={setOpened}
      width={320}
      position="bottom-end"
      withArrow
      trapFocus
      onClose={() => scale.reset()}
    >
      <Popover.Target>
        <Button
          size="xs"
          variant="default"
          leftSection={<IconArrowsVertical size={14} aria-hidden />}
          onClick={() => {
            setReplicas(inference.replicas)
            setOpened(!opened)
          }}
        >
          Scale
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <form
          onSubmit={(event) => {
            event.preventDefault()
            if (replicas !== '') scale.mutate({ path, body: { replicas } })
          }}
        >
          <Stack gap="xs">
            <NumberInput
              label="Replicas"
              size="xs"
              min={1}
              max={256}
              allowDecimal={false}
              clampBehavior="strict"
              value={replicas}
              onChange={(value) => setReplicas(typeof value === 'number' ? value : '')}
              data-autofocus
            />
            <Text size="xs" c="dimmed">
              Each partition of the input is read by one replica, so there is work for as many replicas as partitions.{' '}
              {partitions !== undefined &&
                replicas !== '' &&
                partitionNote(replicas, inference.input_topic, partitions)}
            </Text>
            <ProblemAlert error={scale.error} />
            <Group justify="flex-end">
              <Button
                size="xs"
                type="submit"
                loading={scale.isPending}
                disabled={replicas === '' || replicas === inference.replicas}
              >
                Scale
              </Button>
            </Group>
          </Stack>
        </form>
      </Popover.Dropdown>
    </Popover>
  )
}
