/** Trains a model alone, or with its chain: leads to the form for a deployment, without a word about configurations. */
import { Button, type ButtonProps, Modal } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { ProblemAlert } from '~/components/ProblemAlert'
import { configurationsOfModelCreateMutation } from '~/lib/api'

export function TrainButton({ id, name, ...button }: { id: number; name: string } & ButtonProps) {
  const navigate = useNavigate()
  const find = useMutation({
    ...configurationsOfModelCreateMutation(),
    onSuccess: (configuration) => navigate({ to: '/training/new', search: { configuration: configuration.id } }),
  })
  return (
    <>
      <Button
        {...button}
        aria-label={`Train ${name}`}
        loading={find.isPending}
        onClick={() => find.mutate({ body: { model: id } })}
      >
        Train
      </Button>
      <Modal opened={find.isError} onClose={find.reset} title={`Train ${name}`}>
        <ProblemAlert error={find.error} />
      </Modal>
    </>
  )
}
