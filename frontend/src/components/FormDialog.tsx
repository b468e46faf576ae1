/**
 * A form in a dialog that closes when the request has succeeded. A refusal is shown at its fields, and in full below
 * them.
 */
import { Button, Group, Modal, type ModalProps, Stack } from '@mantine/core'
import type { UseFormReturnType } from '@mantine/form'
import { useMutation } from '@tanstack/react-query'
import type { FormEvent, ReactNode } from 'react'
import { notifyDone } from '~/lib/notify'
import { problemOf } from '~/lib/problem'
import { ProblemAlert } from './ProblemAlert'

export interface FormDialogProps<Values extends object> {
  title: string
  /** Text of the button that submits. */
  submit: string
  /** Text of the button that cancels. */
  cancel?: string
  /** The form; undefined when the caller itself knows what to send. */
  form?: UseFormReturnType<Values>
  /** Sends the form's values and reports success. Throws the API's problem when it refuses. */
  onSave: (values: Values) => Promise<string>
  onClose: () => void
  onDone?: () => void
  size?: ModalProps['size']
  /** Whether submitting is off, because something is still missing. */
  disabled?: boolean
  /** Text above the buttons. */
  note?: ReactNode
  /** Content to the left of the buttons. */
  aside?: ReactNode
  children: ReactNode
}

export function FormDialog<Values extends object>(props: FormDialogProps<Values>) {
  const { form, onClose } = props
  const save = useMutation({
    mutationFn: props.onSave,
    onSuccess: (done) => {
      notifyDone(done)
      props.onDone?.()
      onClose()
    },
    onError: (error) => form?.setErrors(problemOf(error).byField()),
  })
  const sendAlone = (event: FormEvent) => {
    event.preventDefault()
    save.mutate({} as Values)
  }
  return (
    <Modal opened onClose={onClose} centered size={props.size ?? 'md'} title={props.title}>
      <form onSubmit={form ? form.onSubmit((values) => save.mutate(values)) : sendAlone} noValidate>
        <Stack gap="sm">
          {props.children}
          <ProblemAlert error={save.error} />
          {props.note}
          <Group justify="space-between">
            <div>{props.aside}</div>
            <Group gap="xs">
              <Button variant="default" onClick={onClose}>
                {props.cancel ?? 'Cancel'}
              </Button>
              <Button type="submit" loading={save.isPending} disabled={props.disabled}>
                {props.submit}
              </Button>
            </Group>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}
