/** Title line of a page: its name, one line about it, its actions. Also names the browser's tab. */
import { Box, Group, Text, Title } from '@mantine/core'
import type { ReactNode } from 'react'
import { usePageTitle } from '~/lib/pageTitle'
import classes from './PageTitle.module.css'

export function PageTitle({
  title,
  description,
  actions,
}: {
  title: ReactNode
  description?: ReactNode
  actions?: ReactNode
}) {
  usePageTitle(typeof title === 'string' ? title : undefined)
  return (
    <Group justify="space-between" align="flex-start" gap="md" className={classes.line}>
      <Box className={classes.words}>
        <Title order={1}>{title}</Title>
        {description && (
          <Text size="sm" c="dimmed" component="div">
            {description}
          </Text>
        )}
      </Box>
      {actions && <Group gap="xs">{actions}</Group>}
    </Group>
  )
}
