/** Templates of models for the chosen framework. */
import { SimpleGrid, Stack, Text, UnstyledButton } from '@mantine/core'
import { SmallPrint } from '~/components/Dimmed'
import type { FrameworkEnum } from '~/lib/api'
import classes from './TemplatePicker.module.css'
import { TEMPLATES, type Template } from './templates'

export function TemplatePicker({
  framework,
  distributed,
  onPick,
}: {
  framework: FrameworkEnum
  /** Whether to offer only sub-models of distributed models. */
  distributed: boolean
  onPick: (template: Template) => void
}) {
  return (
    <Stack gap={4}>
      <Text size="sm" fw={500}>
        Start from a template, or paste your own code below
      </Text>
      <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="xs" verticalSpacing="xs">
        {TEMPLATES.filter((template) => template.framework === framework && (template.distributed || !distributed)).map(
          (template) => (
            <UnstyledButton key={template.id} className={classes.template} onClick={() => onPick(template)}>
              <Text size="sm" fw={500}>
                {template.title}
              </Text>
              <SmallPrint>{template.about}</SmallPrint>
            </UnstyledButton>
          ),
        )}
      </SimpleGrid>
    </Stack>
  )
}
