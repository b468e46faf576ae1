/** The input and output topic of an inference or a chain, with suggestions of existing topics. */
import { Autocomplete, type AutocompleteProps, SimpleGrid } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { topicsListOptions } from '~/lib/api'

const MOST_PROPOSED = 20

export function TopicFields(props: { input: AutocompleteProps; output: AutocompleteProps; answers: string }) {
  return (
    <SimpleGrid cols={{ base: 1, xs: 2 }} maw={760}>
      <TopicField label="Input topic" description="Records to predict arrive here" {...props.input} />
      <TopicField label="Output topic" description={props.answers} {...props.output} />
    </SimpleGrid>
  )
}

/** The name of an existing topic or a new one. */
function TopicField(props: AutocompleteProps) {
  const [search] = useDebouncedValue(props.value ?? '', 200)
  const topics = useQuery({
    ...topicsListOptions({ query: { search, limit: MOST_PROPOSED } }),
    placeholderData: keepPreviousData,
  })
  return <Autocomplete withAsterisk data={(topics.data?.results ?? []).map((topic) => topic.name)} {...props} />
}
