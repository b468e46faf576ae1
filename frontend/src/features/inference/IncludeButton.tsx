/**
 * Changes which fields predictions copy from their records. Replicas apply it between two transactions, without a
 * restart.
 */
import { TagsInput } from '@mantine/core'
import { IconTags } from '@tabler/icons-react'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { CopyAs } from '~/components/CopyAs'
import { type Inference, inferencesPartialUpdateMutation, inferencesRetrieveOptions } from '~/lib/api'
import { notifyDone } from '~/lib/notify'
import { INCLUDE_FIELD, includeEquivalents } from './deploy'
import { PopoverForm } from './PopoverForm'

export function IncludeButton({ inference, names }: { inference: Inference; names: string[] }) {
  const [opened, setOpened] = useState(false)
  const [include, setInclude] = useState(inference.include)
  const queryClient = useQueryClient()
  const path = { id: String(inference.id) }
  const change = useMutation({
    ...inferencesPartialUpdateMutation(),
    onSuccess: async (changed) => {
      notifyDone(`Answers of inference ${changed.id} carry ${changed.include.join(', ') || 'their values alone'}`)
      setOpened(false)
      await queryClient.invalidateQueries(inferencesRetrieveOptions({ path }))
    },
  })
  return (
    <PopoverForm
      opened={opened}
      onOpened={setOpened}
      icon={<IconTags size={14} aria-hidden />}
      text="Change what answers include"
      onOpening={() => setInclude(inference.include)}
      submitText="Change"
      onSubmit={() => change.mutate({ path, body: { include } })}
      change={change}
      ready={include.join('\n') !== inference.include.join('\n')}
      aside={<CopyAs equivalents={includeEquivalents(inference.id, include)} />}
    >
      <TagsInput
        {...INCLUDE_FIELD}
        size="xs"
        data={names}
        value={include}
        onChange={setInclude}
        comboboxProps={{ withinPortal: false }}
        data-autofocus
      />
    </PopoverForm>
  )
}
