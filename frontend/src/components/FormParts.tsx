/** The last parts of a page's form: advanced fields, the sentence about what will happen, and the buttons. */
import { Collapse, Group, Stack, Text, Title, UnstyledButton } from '@mantine/core'
import { IconChevronDown, IconChevronRight } from '@tabler/icons-react'
import { type ReactNode, useId, useState } from 'react'
import { Dimmed } from './Dimmed'
import classes from './FormParts.module.css'

/** Advanced fields, folded under a line that names them. ``pinned`` keeps them open when one has an error. */
export function Advanced({
  about,
  pinned = false,
  children,
}: {
  /** What the folded fields are about, such as 'seed, GPUs'. */
  about: string
  pinned?: boolean
  children: ReactNode
}) {
  const [opened, setOpened] = useState(false)
  const shown = opened || pinned
  return (
    <Stack gap="xs">
      <UnstyledButton aria-expanded={shown} onClick={() => setOpened(!shown)} disabled={pinned} w="fit-content">
        <Group gap={4}>
          {shown ? <IconChevronDown size={16} aria-hidden /> : <IconChevronRight size={16} aria-hidden />}
          <Text size="sm" fw={600}>
            Advanced
          </Text>
          {!shown && <Dimmed>{about}</Dimmed>}
        </Group>
      </UnstyledButton>
      <Collapse expanded={shown}>{children}</Collapse>
    </Stack>
  )
}

/** One sentence above the button that says what pressing it does. */
export function WhatWillHappen({ children }: { children: ReactNode }) {
  const id = useId()
  return (
    <section aria-labelledby={id}>
      <Title order={2} size="h3" id={id}>
        What will happen
      </Title>
      <Text size="sm" maw={720} aria-live="polite">
        {children}
      </Text>
    </section>
  )
}

/**
 * The buttons of a form, the submitting one first. They stick to the bottom of the window while the form goes on below.
 */
export function FormActions({ children }: { children: ReactNode }) {
  return <div className={classes.actions}>{children}</div>
}
