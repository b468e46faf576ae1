/** The effect of a version's contract on a sample of its records. */
import { Skeleton } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { PreviewContent } from '~/components/contract/PreviewContent'
import { ProblemAlert } from '~/components/ProblemAlert'
import { Section } from '~/components/Section'
import { type Dataset, type DatasetVersion, datasetsVersionPreviewOptions } from '~/lib/api'

export function SamplesTab({ dataset, version }: { dataset: Dataset; version: DatasetVersion }) {
  const query = useQuery({
    ...datasetsVersionPreviewOptions({ path: { id: String(dataset.id) }, query: { version: version.number } }),
    // The answer stays fresh forever: a version never changes, and events are about other data sets.
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  })
  if (query.error)
    return <ProblemAlert error={query.error} title="The records cannot be read" onRetry={() => void query.refetch()} />
  if (!query.data || query.isPlaceholderData) return <Skeleton height={320} role="status" aria-label="Loading" />
  return (
    <Section title="What the model gets">
      <PreviewContent preview={query.data} />
    </Section>
  )
}
