/** An example record for a contract, with the values of a record from which the contract was learnt. */
import { useQuery } from '@tanstack/react-query'
import { type Contract, topicsRecordsListOptions } from '~/lib/api'
import { exampleRecord } from '~/lib/datasets'
import { parseRanges } from '~/lib/ranges'

/** ``ranges``: the records from which the contract was learnt. Returns null without a contract. */
export function useExampleRecord(contract: Contract | null, ranges: string): Record<string, unknown> | null {
  const [first] = parseRanges(ranges)
  const page = useQuery({
    ...topicsRecordsListOptions({
      path: { name: first?.topic ?? '' },
      query: { partition: first?.partition ?? 0, start: String(first?.start ?? 0), limit: 1, decoder: 'json' },
    }),
    enabled: contract?.format === 'JSON' && first !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  })
  return contract && exampleRecord(contract, parsed(page.data?.records[0]?.decoded.text))
}

function parsed(text: string | null | undefined): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return null
  }
}
