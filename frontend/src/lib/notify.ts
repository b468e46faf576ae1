/** Toasts, for what went well. What went wrong is shown in the page, where it can be read: ProblemAlert. */
import { notifications } from '@mantine/notifications'

export function notifyDone(message: string): void {
  const closeButtonProps = { 'aria-label': 'Close' }
  notifications.show({ message, color: 'teal', autoClose: 4000, withBorder: true, closeButtonProps })
}
