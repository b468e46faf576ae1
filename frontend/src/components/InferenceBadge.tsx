/** The state of an inference. It is red, with the reason, when the inference fails while it runs. */
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
