/** The versions that could answer in place of the present one. */

import type { Inference } from '~/lib/api'
import { useVersions } from '~/lib/useVersions'
import { versionLabel } from './serving'

export function useOtherVersions({
  result,
  version,
  current_version,
}: Pick<Inference, 'result' | 'version' | 'current_version'>) {
  const query = useVersions(result, [current_version])
  const choices = (query.data ?? [])
    .filter((candidate) => candidate.number !== version)
    .map((listed) => ({ value: String(listed.number), label: versionLabel(listed) }))
  const placeholder = query.isPending ? 'Loading…' : choices.length === 0 ? 'No other version' : 'Choose a version'
  return { query, choices, placeholder }
}
