/** A framed remark that somebody should read: a thing to know, or one that went wrong. */
import { Alert, type AlertProps } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'

export interface NoticeProps extends Omit<AlertProps, 'color' | 'variant' | 'styles'> {
  /** It failed, and is not only worth a look. */
  failed?: boolean
}

export function Notice({ failed = false, ...props }: NoticeProps) {
  return (
    <Alert
      variant="outline"
      color={failed ? 'red' : 'yellow'}
      icon={<IconAlertTriangle aria-hidden />}
      styles={{ title: { color: `var(--kml-${failed ? 'failed' : 'waiting'})` } }}
      {...props}
    />
  )
}
