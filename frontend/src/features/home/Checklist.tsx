/** The six steps to live predictions, each with its button, its command, and a tick once it is done. */
import { Code, Group, Stack, Text, Title, UnstyledButton } from '@mantine/core'
import { useLocalStorage } from '@mantine/hooks'
import { IconChevronDown, IconChevronRight, IconCircleCheck, IconCircleDashed } from '@tabler/icons-react'
import { useState } from 'react'
import { ButtonLink } from '~/components/ButtonLink'
import { CopyButton } from '~/components/CopyButton'
import { Dimmed } from '~/components/Dimmed'
import { RunExample } from '~/components/RunExample'
import { useSession } from '~/lib/session'
import type { Step } from './checklist'
import classes from './picture.module.css'

const EXAMPLE = 'kafka-ml examples run digits'

export function Checklist({ steps }: { steps: readonly Step[] }) {
  const [folded, setFolded] = useLocalStorage({ key: 'kml-checklist-folded', defaultValue: false })
  const next = steps.find((step) => !step.done)
  // The key of the step that the user opened; null while the next step is open.
  const [opened, setOpened] = useState<string | null>(null)
  if (!next) return null
  const done = steps.filter((step) => step.done).length
  const open = opened ?? next.key
  return (
    <section aria-labelledby="checklist">
      <UnstyledButton onClick={() => setFolded(!folded)} aria-expanded={!folded} className={classes.fold}>
        {folded ? <IconChevronRight size={16} aria-hidden /> : <IconChevronDown size={16} aria-hidden />}
        <Title order={2} id="checklist" size="h3">
          From nothing to live predictions
        </Title>
        <Dimmed>
          {done} of {steps.length} done
        </Dimmed>
      </UnstyledButton>
      {!folded && (
        <ol className={classes.steps}>
          {steps.map((step, index) => (
            <StepRow
              key={step.key}
              step={step}
              number={index + 1}
              open={open === step.key}
              next={step === next}
              onToggle={() => setOpened(open === step.key ? '' : step.key)}
            />
          ))}
        </ol>
      )}
      {!folded && done === 0 && (
        <Group gap={4} maw={720} mt="xs">
          <Dimmed>Or run an example that does all of it:</Dimmed>
          <Code>{EXAMPLE}</Code>
          <CopyButton text={EXAMPLE} what="command" />
          <RunExample name="digits" />
        </Group>
      )}
    </section>
  )
}

function StepRow({
  step,
  number,
  open,
  next,
  onToggle,
}: {
  step: Step
  number: number
  open: boolean
  next: boolean
  onToggle: () => void
}) {
  const { can } = useSession()
  return (
    <li className={classes.step} data-done={step.done || undefined}>
      <UnstyledButton className={classes.stepHead} onClick={onToggle} aria-expanded={open}>
        {step.done ? (
          <IconCircleCheck size={18} role="img" aria-label="Done" style={{ color: 'var(--kml-good)' }} />
        ) : (
          <IconCircleDashed size={18} role="img" aria-label="Not done yet" style={{ color: 'var(--kml-idle)' }} />
        )}
        <Text size="sm" fw={next ? 600 : 500}>
          {number}. {step.title}
        </Text>
      </UnstyledButton>
      {open && (
        <Stack gap="xs" pl={28} pb="xs">
          <Text size="sm">{step.why}</Text>
          {step.blocked && <Dimmed>{step.blocked}</Dimmed>}
          <Group gap="xs" align="center">
            {!step.blocked && can('editor') && (
              <ButtonLink to={step.to} search={step.search ?? {}} variant={next ? 'filled' : 'default'}>
                {step.action}
              </ButtonLink>
            )}
            <Dimmed>
              {can('editor') ? 'or, on the command line' : 'You need the editor role for this. On the command line'}
            </Dimmed>
          </Group>
          <Group gap={4} wrap="nowrap" align="flex-start" maw={720}>
            <Code block flex={1} tabIndex={0} aria-label={`Command of step ${number}`} style={{ overflowX: 'auto' }}>
              {step.command}
            </Code>
            <CopyButton text={step.command} what="command" />
          </Group>
        </Stack>
      )}
    </li>
  )
}
