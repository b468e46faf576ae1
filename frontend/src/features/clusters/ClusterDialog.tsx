/** Adds another cluster or changes one. A token can be entered, and is never shown again. */
import { Group, PasswordInput, Switch, Textarea, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { SmallPrint } from '~/components/Dimmed'
import { FormDialog } from '~/components/FormDialog'
import { LimitedInput } from '~/components/LimitedInput'
import { type Cluster, clustersCreate, clustersPartialUpdate } from '~/lib/api'
import { type ClusterForm, changesOf, checkForm, formOf, requestOf, tokenNeeded } from './form'

export function ClusterDialog({
  cluster,
  onClose,
  onDone,
}: {
  cluster: Cluster | null
  onClose: () => void
  onDone: () => void
}) {
  const form = useForm<ClusterForm>({
    initialValues: formOf(cluster),
    validate: (values) => checkForm(values, cluster) as Record<string, string>,
  })
  const save = async (values: ClusterForm) => {
    if (cluster === null) {
      await clustersCreate({ body: requestOf(values), throwOnError: true })
      return `Cluster ${values.name} added: check it now`
    }
    const body = changesOf(values, cluster)
    await clustersPartialUpdate({ path: { id: String(cluster.id) }, body, throwOnError: true })
    return `Cluster ${values.name} saved`
  }
  const kept = cluster?.has_token === true && !tokenNeeded(form.values, cluster)
  return (
    <FormDialog
      title={cluster === null ? 'Add a cluster' : `Change ${cluster.name}`}
      submit={cluster === null ? 'Add' : 'Save'}
      size="lg"
      form={form}
      onSave={save}
      onClose={onClose}
      onDone={onDone}
      note={
        cluster !== null &&
        cluster.inferences > 0 && (
          <SmallPrint>Its address and namespace cannot be changed while inferences run there.</SmallPrint>
        )
      }
    >
      <Group grow align="flex-start">
        <LimitedInput
          label="Name"
          description="As shown when you serve a model"
          withAsterisk
          limit={63}
          data-autofocus
          {...form.getInputProps('name')}
        />
        <LimitedInput
          label="Namespace"
          description="Where inferences run"
          withAsterisk
          limit={63}
          {...form.getInputProps('namespace')}
        />
      </Group>
      <TextInput
        label="API address"
        description="Of the cluster's API server"
        placeholder="https://10.0.0.1:6443"
        withAsterisk
        {...form.getInputProps('host')}
      />
      <PasswordInput
        label="Token"
        description={
          kept
            ? 'Stored, and cannot be read again. Leave empty to keep it'
            : 'Of a service account there. Stored by the platform, never shown again'
        }
        withAsterisk={!kept}
        autoComplete="new-password"
        visibilityToggleButtonProps={{ 'aria-label': 'Show what is typed' }}
        {...form.getInputProps('token')}
      />
      <Textarea
        label="Certificate authority"
        description="PEM text. Empty: the authorities that this system trusts"
        placeholder="-----BEGIN CERTIFICATE-----"
        autosize
        minRows={2}
        maxRows={6}
        spellCheck={false}
        {...form.getInputProps('ca')}
      />
      <TextInput
        label="Kafka, as pods there reach it"
        description="host:port, comma-separated. Empty: the same address as here"
        {...form.getInputProps('kafka_bootstrap_servers')}
      />
      <TextInput
        label="This platform, as pods there reach it"
        description="They fetch the model from it and report to it. Empty: the same address as here"
        placeholder={window.location.origin}
        {...form.getInputProps('backend_url')}
      />
      <Group grow align="flex-start">
        <TextInput
          label="Images"
          description="Empty: same as here"
          placeholder="registry:5000/kafka-ml/{component}:0.1.0"
          {...form.getInputProps('image')}
        />
        <TextInput
          label="Name of a GPU"
          description="Empty: same as here"
          placeholder="nvidia.com/gpu"
          {...form.getInputProps('gpu_resource')}
        />
      </Group>
      <Switch
        label="KEDA is installed there"
        description="Inferences can then scale with the lag"
        {...form.getInputProps('keda', { type: 'checkbox' })}
      />
    </FormDialog>
  )
}
