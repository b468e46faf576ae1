/** Toasts for success. Failures are shown in the page by ProblemAlert, where they can be read at leisure. */
import { notifications } from '@mantine/notifications'

export function notifyDone(message: string): void {
  const closeButtonProps = { 'aria-label': 'Close' }
  notifications.show({ message, color: 'teal', autoClose: 4000, withBorder: true, closeButtonProps })
}
