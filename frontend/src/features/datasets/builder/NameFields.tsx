/** The name of the data set and the buttons that create it. */
import { Group, Stack, Text, TextInput } from '@mantine/core'
import { LimitedInput } from '~/components/LimitedInput'
import { Section } from '~/components/Section'
import type { Dataset } from '~/lib/api'
import { type FormProblems, textOf } from './problems'
import type { BuilderValues } from './values'

export function NameFields({
  values,
  from,
  onChange,
  problems,
}: {
  values: BuilderValues
  from: Dataset | undefined
  onChange: (change: Partial<BuilderValues>) => void
  problems: FormProblems
}) {
  return (
    <Section title={from ? `Version ${(from.versions[0]?.number ?? 0) + 1} of ${from.name}` : 'Name'}>
      <Stack gap="sm">
        {from ? (
          <Text size="sm">Earlier versions do not change.</Text>
        ) : (
          <Group gap="sm" align="flex-start">
            <LimitedInput
              label="Name"
              required
              limit={100}
              w={260}
              value={values.name}
              onChange={(event) => onChange({ name: event.currentTarget.value })}
              error={textOf(problems.get('name'))}
            />
            <TextInput
              label="Description"
              placeholder="What it is for"
              w={360}
              maw="100%"
              value={values.description}
              onChange={(event) => onChange({ description: event.currentTarget.value })}
              error={textOf(problems.get('description'))}
            />
          </Group>
        )}
      </Stack>
    </Section>
  )
}
