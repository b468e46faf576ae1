/** The limit of a tier, changed while it runs: its replicas take it between two transactions, without a restart. */
import { Button, Group, NumberInput, Popover, Stack } from '@mantine/core'
import { IconArrowsSplit2 } from '@tabler/icons-react'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { CopyAs } from '~/components/CopyAs'
import { SmallPrint } from '~/components/Dimmed'
import { ProblemAlert } from '~/components/ProblemAlert'
import { type Inference, inferencesPartialUpdateMutation, inferencesRetrieveOptions } from '~/lib/api'
import { notifyDone } from '~/lib/notify'
import { limitEquivalents } from './tiers'

/** Change the limit of an inference; says when it was taken. */
export function useLimit(inference: Pick<Inference, 'id'>, onDone?: () => void) {
  const queryClient = useQueryClient()
  const path = { id: String(inference.id) }
  const change = useMutation({
    ...inferencesPartialUpdateMutation(),
    onSuccess: async (changed) => {
      notifyDone(`Inference ${changed.id} hands up what is less sure than ${changed.limit}`)
      onDone?.()
      await queryClient.invalidateQueries(inferencesRetrieveOptions({ path }))
    },
  })
  return { change, set: (limit: number) => change.mutate({ path, body: { limit } }) }
}

export function LimitButton({ inference, limit: now }: { inference: Inference; limit: number }) {
  const [opened, setOpened] = useState(false)
  const [limit, setLimit] = useState<number | ''>(now)
  const { change, set } = useLimit(inference, () => setOpened(false))
  return (
    <Popover
      opened={opened}
      onChange={setOpened}
      width={320}
      position="bottom-end"
      withArrow
      trapFocus
      onClose={() => change.reset()}
    >
      <Popover.Target>
        <Button
          size="xs"
          variant="default"
          leftSection={<IconArrowsSplit2 size={14} aria-hidden />}
          onClick={() => {
            setLimit(now)
            setOpened(!opened)
          }}
        >
          Limit {now}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <form
          onSubmit={(event) => {
            event.preventDefault()
            if (limit !== '') set(limit)
          }}
        >
          <Stack gap="xs">
            <NumberInput
              label="Limit"
              size="xs"
              min={0}
              max={1}
              step={0.01}
              decimalScale={6}
              value={limit}
              onChange={(value) => setLimit(typeof value === 'number' ? value : '')}
              data-autofocus
            />
            <SmallPrint>
              What is less sure goes up to {inference.upper_topic}, what is as sure or surer is answered here.
            </SmallPrint>
            <ProblemAlert error={change.error} />
            <Group justify="space-between">
              <CopyAs equivalents={limitEquivalents(inference.id, limit === '' ? now : limit)} />
              <Button size="xs" type="submit" loading={change.isPending} disabled={limit === '' || limit === now}>
                Set the limit
              </Button>
            </Group>
          </Stack>
        </form>
      </Popover.Dropdown>
    </Popover>
  )
}
