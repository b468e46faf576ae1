/** A form in a dialog: it closes when what it sends was taken; a refusal is shown at the fields, and whole below them. */
import { Button, Group, Modal, type ModalProps, Stack } from '@mantine/core'
import type { UseFormReturnType } from '@mantine/form'
import { type ReactNode, useState } from 'react'
import { notifyDone } from '~/lib/notify'
import { problemOf } from '~/lib/problem'
import { ProblemAlert } from './ProblemAlert'

export interface FormDialogProps<Values extends object> {
  title: string
  /** What the button that sends says. */
  submit: string
  form: UseFormReturnType<Values>
  /** Sends the values and says what was done; throws what the API answers otherwise. */
  onSave: (values: Values) => Promise<string>
  onClose: () => void
  onDone: () => void
  size?: ModalProps['size']
  /** Said above the buttons. */
  note?: ReactNode
  children: ReactNode
}

export function FormDialog<Values extends object>(props: FormDialogProps<Values>) {
  const { form, onClose } = props
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const save = async (values: Values) => {
    setBusy(true)
    setError(null)
    try {
      notifyDone(await props.onSave(values))
      props.onDone()
      onClose()
    } catch (caught) {
      form.setErrors(problemOf(caught).byField())
      setError(caught)
    } finally {
      setBusy(false)
    }
  }
  return (
    <Modal opened onClose={onClose} centered size={props.size ?? 'md'} title={props.title}>
      <form onSubmit={form.onSubmit((values) => void save(values))} noValidate>
        <Stack gap="sm">
          {props.children}
          <ProblemAlert error={error} />
          {props.note}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={busy}>
              {props.submit}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}
