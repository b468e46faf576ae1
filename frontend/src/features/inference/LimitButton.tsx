/** Changes the limit of a tier while it runs. Replicas apply it between two transactions, without a restart. */
import { IconArrowsSplit2 } from '@tabler/icons-react'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { CopyAs } from '~/components/CopyAs'
import { SmallPrint } from '~/components/Dimmed'
import { NumberField } from '~/components/NumberField'
import { type Inference, inferencesPartialUpdateMutation, inferencesRetrieveOptions } from '~/lib/api'
import { notifyDone } from '~/lib/notify'
import { PopoverForm } from './PopoverForm'
import { limitEquivalents } from './tiers'

/** Changes the limit of an inference and confirms it to the user. */
export function useLimit(inference: Pick<Inference, 'id'>, onDone?: () => void) {
  const queryClient = useQueryClient()
  const path = { id: String(inference.id) }
  const change = useMutation({
    ...inferencesPartialUpdateMutation(),
    onSuccess: async (changed) => {
      notifyDone(`Inference ${changed.id} now has the limit ${changed.limit}`)
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
    <PopoverForm
      opened={opened}
      onOpened={setOpened}
      icon={<IconArrowsSplit2 size={14} aria-hidden />}
      text={`Limit ${now}`}
      onOpening={() => setLimit(now)}
      submitText="Set the limit"
      onSubmit={() => set(Number(limit))}
      change={change}
      ready={limit !== '' && limit !== now}
      aside={<CopyAs equivalents={limitEquivalents(inference.id, limit === '' ? now : limit)} />}
    >
      <NumberField
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
      <SmallPrint>Predictions below it go up to {inference.upper_topic}, the others are answered here.</SmallPrint>
    </PopoverForm>
  )
}
