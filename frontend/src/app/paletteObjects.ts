/** Objects that the palette finds by name or number. */
import { useQuery } from '@tanstack/react-query'
import {
  configurationsList,
  datasetsList,
  deploymentsList,
  inferencesList,
  modelsList,
  resultsList,
  streamsList,
  topicsList,
} from '~/lib/api'
import { shownState } from '~/lib/runs'

export interface Found {
  key: string
  kind: string
  /** The number that the object is known by, in addition to its name. */
  id: number | null
  name: string
  to: string
  state?: string
}

const PER_KIND = 4
const NOTHING: Found[] = []

/** Whether an object matches ``text``: a number is compared with the id, any other text with the name. */
export function fits(object: { id: number | null; name: string }, text: string): boolean {
  const wanted = text.trim().replace(/^#/, '').toLowerCase()
  return /^\d+$/.test(wanted) ? String(object.id).startsWith(wanted) : object.name.toLowerCase().includes(wanted)
}

/** The newest objects that match the typed text; no objects for an empty text. */
export function useFound(text: string): Found[] {
  const wanted = text.trim()
  const found = useQuery({
    queryKey: ['palette', wanted],
    queryFn: () => look(wanted),
    enabled: wanted !== '',
    staleTime: 10_000,
  })
  return wanted === '' ? NOTHING : (found.data ?? NOTHING)
}

async function look(wanted: string): Promise<Found[]> {
  // The API searches by name only, so a number is looked up among the newest objects.
  const byNumber = /^#?\d+$/.test(wanted)
  const options = { query: { limit: 50, ...(byNumber ? {} : { search: wanted }) }, throwOnError: true } as const
  const kinds = await Promise.all([
    modelsList(options).then(({ data }) =>
      data.results.map((model) => found('Model', '/models', model.id, model.name)),
    ),
    configurationsList(options).then(({ data }) =>
      data.results.map((configuration) =>
        found('Configuration', '/configurations', configuration.id, configuration.name),
      ),
    ),
    datasetsList(options).then(({ data }) =>
      data.results.map((dataset) => found('Data set', '/datasets', dataset.id, dataset.name)),
    ),
    deploymentsList(options).then(({ data }) =>
      data.results.map((deployment) =>
        found('Deployment', '/training', deployment.id, deployment.configuration_name, deployment.state),
      ),
    ),
    resultsList(options).then(({ data }) =>
      data.results.map((result) => {
        const name = result.name ? `${result.name} (${result.model_name})` : result.model_name
        return found('Result', '/results', result.id, name, result.state)
      }),
    ),
    inferencesList(options).then(({ data }) =>
      data.results.map((inference) => {
        const name = `${inference.model_name}: ${inference.input_topic} → ${inference.output_topic}`
        return found('Inference', '/inference', inference.id, name, shownState(inference))
      }),
    ),
    // Topics have no number, so they are searched by name only.
    topicsList({ query: { limit: PER_KIND, search: wanted }, throwOnError: true }).then(({ data }) =>
      data.results.map(topic),
    ),
    streamsList(options).then(({ data }) =>
      data.results.map((stream) =>
        found('Stream', '/streams', stream.id, [stream.description, stream.topic].filter(Boolean).join(' · ')),
      ),
    ),
  ])
  return kinds.flatMap((rows) => rows.filter((row) => row.id === null || fits(row, wanted)).slice(0, PER_KIND))
}

function topic({ name }: { name: string }): Found {
  return { key: `topic-${name}`, kind: 'Topic', id: null, name, to: `/topics/${encodeURIComponent(name)}` }
}

function found(kind: string, room: string, id: number, name: string, state?: string): Found {
  return { key: `${kind}-${id}`, kind, id, name, to: `${room}/${id}`, ...(state ? { state } : {}) }
}
