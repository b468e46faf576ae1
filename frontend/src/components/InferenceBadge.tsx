/** The state of an inference: in red with the reason where it fails, though nothing has ended it. */
import type { Inference } from '~/lib/api'
import { shownState } from '~/lib/runs'
import { StatusBadge } from './StatusBadge'

export function InferenceBadge({
  inference,
  tooltip,
}: {
  inference: Pick<Inference, 'state' | 'failing'>
  tooltip?: string
}) {
  return <StatusBadge state={shownState(inference)} tooltip={inference.failing?.reason ?? tooltip} />
}
