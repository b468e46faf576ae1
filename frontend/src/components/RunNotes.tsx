/** What users note about a training run: a star, a name, notes and tags. */
import { ActionIcon, Badge, Group, TagsInput, Textarea } from '@mantine/core'
import { useForm } from '@mantine/form'
import { IconStar, IconStarFilled } from '@tabler/icons-react'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { LimitedInput } from '~/components/LimitedInput'
import { type ResultRow, resultsListQueryKey, resultsPartialUpdateMutation, resultsRetrieveQueryKey } from '~/lib/api'
import { useSession } from '~/lib/session'
import { FormDialog } from './FormDialog'

type Noted = Pick<ResultRow, 'id' | 'name' | 'model_name' | 'notes' | 'tags' | 'favourite'>

const MOST_TAGS = 20

function useAnnotate(id: number) {
  const queryClient = useQueryClient()
  return useMutation({
    ...resultsPartialUpdateMutation({ path: { id: String(id) } }),
    onSuccess: async () => {
      // Invalidates the lists of runs under every filter, because their query keys differ only in the query.
      await queryClient.invalidateQueries({ queryKey: [{ _id: resultsListQueryKey()[0]._id }] })
      await queryClient.invalidateQueries({ queryKey: resultsRetrieveQueryKey({ path: { id: String(id) } }) })
    },
  })
}

/** Shows whether a run is a favourite, and changes it at once. */
export function FavouriteStar({ run }: { run: Noted }) {
  const annotate = useAnnotate(run.id)
  const { can } = useSession()
  return (
    <ActionIcon
      size="sm"
      variant="subtle"
      color={run.favourite ? 'yellow' : 'gray'}
      disabled={!can('editor')}
      loading={annotate.isPending}
      aria-pressed={run.favourite}
      aria-label={`Favourite: result ${run.id}`}
      onClick={() => annotate.mutate({ path: { id: String(run.id) }, body: { favourite: !run.favourite } })}
    >
      {run.favourite ? <IconStarFilled size={14} aria-hidden /> : <IconStar size={14} aria-hidden />}
    </ActionIcon>
  )
}

export function Tags({ tags }: { tags: readonly string[] }) {
  if (tags.length === 0) return null
  return (
    <Group gap={4}>
      {tags.map((tag) => (
        <Badge key={tag} size="sm" variant="default" tt="none" fw={400}>
          {tag}
        </Badge>
      ))}
    </Group>
  )
}

/** A dialog for name, notes and tags. */
export function RunNotesDialog({ run, onClose }: { run: Noted; onClose: () => void }) {
  const annotate = useAnnotate(run.id)
  const form = useForm({ initialValues: { name: run.name, notes: run.notes, tags: run.tags } })
  return (
    <FormDialog
      title={`Name, notes and tags of result ${run.id}`}
      submit="Save"
      form={form}
      onClose={onClose}
      onSave={async (values) => {
        await annotate.mutateAsync({ path: { id: String(run.id) }, body: values })
        return `Result ${run.id} saved`
      }}
    >
      <LimitedInput
        label="Name"
        placeholder={run.model_name}
        limit={100}
        data-autofocus
        {...form.getInputProps('name')}
      />
      <TagsInput
        label="Tags"
        description="Press Enter after each tag"
        maxTags={MOST_TAGS}
        {...form.getInputProps('tags')}
      />
      <Textarea label="Notes" autosize minRows={3} maxLength={10_000} {...form.getInputProps('notes')} />
    </FormDialog>
  )
}
