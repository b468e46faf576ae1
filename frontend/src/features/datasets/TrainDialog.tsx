/** Announces a version of a data set to a deployment that waits for a stream. */
import { Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { ButtonLink } from '~/components/ButtonLink'
import { CopyAs } from '~/components/CopyAs'
import { DeploymentSelect } from '~/components/DeploymentSelect'
import { Dimmed } from '~/components/Dimmed'
import { FormDialog } from '~/components/FormDialog'
import { ProblemAlert } from '~/components/ProblemAlert'
import { type Dataset, type DatasetVersion, datasetsTrainCreate, deploymentsListOptions } from '~/lib/api'
import { trainEquivalents } from './equivalents'

const MOST = 200

export function TrainDialog({
  dataset,
  version,
  onClose,
}: {
  dataset: Dataset
  version: DatasetVersion
  onClose: () => void
}) {
  const [chosen, setChosen] = useState<string | null>(null)
  const deployments = useQuery(deploymentsListOptions({ query: { state: 'waiting', limit: MOST } }))
  const rows = deployments.data?.results ?? []
  return (
    <FormDialog
      title="Train a waiting deployment"
      submit="Train"
      size="lg"
      disabled={chosen === null}
      onClose={onClose}
      onSave={async () => {
        const { data: announced } = await datasetsTrainCreate({
          path: { id: String(dataset.id) },
          body: { deployment: Number(chosen), version: version.number },
          throwOnError: true,
        })
        return announced.stream === null
          ? `${dataset.name} announced to deployment ${announced.deployment}`
          : `It had already been announced: stream ${announced.stream}`
      }}
      aside={<CopyAs equivalents={trainEquivalents(dataset.id, version.number, chosen ?? '')} />}
    >
      <Text size="sm">
        Its models will train on version {version.number} of {dataset.name}. No record is copied.
      </Text>
      {deployments.data && rows.length === 0 ? (
        <>
          <Dimmed>No deployment is waiting for data.</Dimmed>
          <ButtonLink
            w="fit-content"
            to="/training/new"
            search={{ dataset: dataset.id, dataset_version: version.number }}
          >
            Create a deployment
          </ButtonLink>
        </>
      ) : (
        <DeploymentSelect rows={rows} value={chosen} onChange={setChosen} />
      )}
      <ProblemAlert error={deployments.error} />
    </FormDialog>
  )
}
