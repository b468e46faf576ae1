/** Suggests topics and a limit for a tier served on its own, so that it fits the tiers of its chain in service. */
import type { UseFormReturnType } from '@mantine/form'
import { useQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import { chainsRetrieveOptions, type ResultRow } from '~/lib/api'
import { type DeployForm, SUGGESTED, suggestedTopics } from './deploy'
import { suggestionOf } from './tiers'

/** Fills the untouched fields once for each result. Returns the suggestion for the result. */
export function useTierSuggestion(form: UseFormReturnType<DeployForm>, result: ResultRow | undefined) {
  const ofChain = result?.tier != null
  const query = { result: result?.id ?? 0 }
  const joining = useQuery({
    ...chainsRetrieveOptions({ query: { ...query, joining: true } }),
    enabled: ofChain,
    retry: false,
  })
  // A tier that is served already gets topics of a new chain, because on the old topics both would answer every record.
  const again = joining.data?.tiers.some((tier) => tier.result === result?.id && tier.served_by != null) ?? false
  const apart = useQuery({ ...chainsRetrieveOptions({ query }), enabled: ofChain && again, retry: false })
  const suggestion = result && suggestionOf(again ? apart.data : joining.data, result.id)
  const { values } = form
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is typed later is not to be overwritten
  useEffect(() => {
    if (!suggestion || !result || values.suggested?.result === suggestion.result) return
    const usual = suggestedTopics(result.model_name)
    for (const name of SUGGESTED) {
      const untouched = ['', values.suggested?.[name], { limit: '', upper_topic: '', ...usual }[name]]
      if (untouched.includes(values[name])) form.setFieldValue(name, suggestion[name])
    }
    form.setFieldValue('suggested', suggestion)
  }, [suggestion?.result, result?.id])
  return suggestion
}
