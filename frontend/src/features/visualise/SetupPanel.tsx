/** Configures the view: a form and its JSON side by side, kept in step and saved with the inference. */
import { Alert, Button, Group, SimpleGrid, Stack } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { CodeEditor } from '~/components/CodeEditor'
import { CopyAs } from '~/components/CopyAs'
import { SmallPrint } from '~/components/Dimmed'
import { ProblemAlert } from '~/components/ProblemAlert'
import { type Inference, inferencesPartialUpdateMutation, inferencesRetrieveQueryKey } from '~/lib/api'
import { notifyDone } from '~/lib/notify'
import { useSession } from '~/lib/session'
import { ConfigFields } from './ConfigFields'
import { type ReadConfig, writeConfig } from './config'
import { equivalentsOf } from './equivalents'

export function SetupPanel({
  inference,
  text,
  read,
  changed,
  onText,
  onSaved,
  onSuggest,
}: {
  inference: Inference
  text: string
  read: ReadConfig
  /** Whether the text differs from the saved configuration. */
  changed: boolean
  onText: (text: string) => void
  onSaved: () => void
  onSuggest: (type: 'classification' | 'regression') => void
}) {
  const { can } = useSession()
  const mayWrite = can('editor')
  const queryClient = useQueryClient()
  const save = useMutation({
    ...inferencesPartialUpdateMutation(),
    onSuccess: (saved) => {
      queryClient.setQueryData(inferencesRetrieveQueryKey({ path: { id: String(inference.id) } }), saved)
      notifyDone('The view is saved with the inference')
      onSaved()
    },
  })
  const problems = read.problems.filter((problem) => read.form === null || problem.path === '')
  return (
    <Stack gap="md">
      <ProblemAlert error={save.error} title="The view could not be saved" />
      <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="xl">
        <Stack gap="sm">
          {problems.map((problem) => (
            <Alert key={problem.path + problem.message} color="yellow" role="alert">
              Line {problem.line}: {problem.message}. {read.form === null && 'Correct the JSON to use the form again.'}
            </Alert>
          ))}
          {read.form && (
            <ConfigFields
              form={read.form}
              problems={read.problems}
              disabled={!mayWrite}
              onChange={(form) => onText(writeConfig(form))}
              onSuggest={onSuggest}
            />
          )}
        </Stack>
        <CodeEditor
          label="As JSON"
          description="Always in step with the form. You can paste an existing configuration."
          language="json"
          value={text}
          onChange={onText}
          readOnly={!mayWrite}
          minHeight={320}
          maxHeight={560}
          diagnostics={read.problems.map(({ line, message }) => ({ line, message }))}
        />
      </SimpleGrid>
      <Group gap="xs">
        <Button
          size="xs"
          disabled={!mayWrite || read.config === null || (!changed && inference.visualization !== null)}
          loading={save.isPending}
          onClick={() => save.mutate({ path: { id: String(inference.id) }, body: { visualization: read.config } })}
        >
          Save view
        </Button>
        <Button size="xs" variant="default" disabled={!changed} onClick={onSaved}>
          Discard changes
        </Button>
        {inference.visualization && mayWrite && (
          <Button
            size="xs"
            variant="subtle"
            color="gray"
            onClick={() => save.mutate({ path: { id: String(inference.id) }, body: { visualization: null } })}
          >
            Remove the saved view
          </Button>
        )}
        <CopyAs equivalents={equivalentsOf(inference.id, read.config)} />
      </Group>
      <SmallPrint>
        {mayWrite
          ? 'You see changes under Live at once; others see them once saved.'
          : 'Your role can view this but not change it: ask an editor.'}
      </SmallPrint>
    </Stack>
  )
}
