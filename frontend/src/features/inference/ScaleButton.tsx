/** Changes the number of replicas without a stop. */
import { IconArrowsVertical } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { SmallPrint } from '~/components/Dimmed'
import { NumberField } from '~/components/NumberField'
import {
  clustersNamesListOptions,
  type Inference,
  inferencesPartialUpdateMutation,
  inferencesRetrieveOptions,
  systemRetrieveOptions,
  topicsRetrieveOptions,
} from '~/lib/api'
import { plural } from '~/lib/format'
import { notifyDone } from '~/lib/notify'
import { partitionNote, scaleText } from './deploy'
import { PopoverForm } from './PopoverForm'

export function ScaleButton({ inference }: { inference: Inference }) {
  const queryClient = useQueryClient()
  const [opened, setOpened] = useState(false)
  const [replicas, setReplicas] = useState<number | ''>(inference.replicas)
  const [most, setMost] = useState<number | ''>(inference.max_replicas ?? '')
  const path = { id: String(inference.id) }
  const topic = useQuery({
    ...topicsRetrieveOptions({ path: { name: inference.input_topic } }),
    enabled: opened,
    retry: false,
  })
  const system = useQuery({ ...systemRetrieveOptions(), enabled: opened })
  const scale = useMutation({
    ...inferencesPartialUpdateMutation(),
    onSuccess: async (changed) => {
      setOpened(false)
      notifyDone(
        changed.max_replicas === null
          ? `Inference ${changed.id} scales to ${plural(changed.replicas, 'replica')}`
          : `Inference ${changed.id} has ${scaleText(changed)}`,
      )
      await queryClient.invalidateQueries(inferencesRetrieveOptions({ path }))
    },
  })
  // Autoscaling that was set stays in the form, so that it can be turned off even where it is no longer possible.
  const clusters = useQuery({ ...clustersNamesListOptions(), enabled: opened && inference.cluster !== null })
  const cluster = clusters.data?.find((clusterName) => clusterName.id === inference.cluster)
  const possible = inference.cluster === null ? system.data?.launcher.autoscaling : cluster?.keda
  const scales = possible === true || inference.max_replicas !== null
  const partitions = topic.data ? topic.data.partitions.length : topic.isError ? null : undefined
  return (
    <PopoverForm
      opened={opened}
      onOpened={setOpened}
      icon={<IconArrowsVertical size={14} aria-hidden />}
      text="Scale"
      onOpening={() => {
        setReplicas(inference.replicas)
        setMost(inference.max_replicas ?? '')
      }}
      submitText="Scale"
      onSubmit={() =>
        scale.mutate({
          path,
          body: { replicas: Number(replicas), ...(scales ? { max_replicas: most === '' ? null : most } : {}) },
        })
      }
      change={scale}
      ready={replicas !== '' && (replicas !== inference.replicas || (most || null) !== inference.max_replicas)}
    >
      <NumberField
        label={most === '' ? 'Replicas' : 'Minimum replicas'}
        size="xs"
        min={0}
        max={256}
        allowDecimal={false}
        value={replicas}
        onChange={(value) => setReplicas(typeof value === 'number' ? value : '')}
        data-autofocus
      />
      {scales && (
        <NumberField
          label="Maximum"
          description="The number follows the lag, between the two. Empty: always as many as above"
          size="xs"
          min={1}
          max={256}
          allowDecimal={false}
          value={most}
          onChange={(value) => setMost(typeof value === 'number' ? value : '')}
        />
      )}
      <SmallPrint>
        Each partition of the input is read by one replica, so more replicas than partitions have nothing to do. With 0,
        the platform runs none and only external workers serve it.{' '}
        {partitions !== undefined &&
          typeof replicas === 'number' &&
          replicas > 0 &&
          partitionNote(Math.max(replicas, most || 0), inference.input_topic, partitions)}
      </SmallPrint>
    </PopoverForm>
  )
}
