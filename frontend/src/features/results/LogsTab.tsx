/** The log of the present attempt, while it runs and after. */
import { LogViewer, type ReadLog } from '~/components/LogViewer'
import { type Result, resultsLogsRetrieve } from '~/lib/api'
import { hasEnded } from '~/lib/runs'

export function LogsTab({
  result,
  errorsOnly,
  onErrorsOnly,
}: {
  result: Result
  errorsOnly: boolean
  onErrorsOnly: (on: boolean) => void
}) {
  const { id } = result
  const read: ReadLog = async (offset, signal) =>
    (await resultsLogsRetrieve({ path: { id: String(id) }, query: { offset }, signal, throwOnError: true })).data
  return (
    <LogViewer
      read={read}
      source={`result-${id}-attempt-${result.attempt}`}
      live={!hasEnded(result)}
      name={`${result.model_name}-${id}-attempt-${result.attempt}`}
      errorsOnly={errorsOnly}
      onErrorsOnly={onErrorsOnly}
      empty={
        result.attempt === 0
          ? 'It has not started yet. The log begins with the first attempt.'
          : 'Nothing has been logged yet.'
      }
    />
  )
}
