/** The audit trail for admins: who changed what, and who was refused. Nobody can edit it. */

import { Text, Tooltip } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { AdminsOnly } from '~/components/AdminsOnly'
import { Age } from '~/components/Age'
import {
  ConfigurationLink,
  DatasetLink,
  DeploymentLink,
  InferenceLink,
  ModelLink,
  ResultLink,
  StreamLink,
  TopicLink,
} from '~/components/ButtonLink'
import { EmptyState } from '~/components/EmptyState'
import { FilterSelect } from '~/components/FilterSelect'
import { ListPage } from '~/components/ListPage'
import { SearchField } from '~/components/SearchField'
import { StatusBadge } from '~/components/StatusBadge'
import { Toggle } from '~/components/Toggle'
import { type Audit, auditListOptions } from '~/lib/api'
import { NONE } from '~/lib/format'
import { listQuery } from '~/lib/listSearch'
import { useSession } from '~/lib/session'
import { useListSearch } from '~/lib/useListSearch'
import type { AuditSearch } from './routes'

const ACTIONS = [
  'create',
  'change',
  'delete',
  'login',
  'login link',
  'stop',
  'restart',
  'send',
  'announce',
  'produce',
  'replay',
  'promote',
  'pin',
]
/** Kinds of objects as the audit trail names them, with their names for users. */
const TYPES: Record<string, string> = {
  cluster: 'cluster',
  mlmodel: 'model',
  configuration: 'configuration',
  deployment: 'deployment',
  trainingresult: 'result',
  inference: 'inference',
  announcement: 'stream',
  artifact: 'file',
  user: 'user',
  accesstoken: 'token',
  dataset: 'data set',
  topic: 'topic',
  webhook: 'webhook',
}
const RESULTS = ['ok', 'denied', 'refused']
const LOOKS: Record<string, string> = { ok: 'finished', denied: 'failed', refused: 'warning' }

export function AuditPage() {
  const { can } = useSession()
  return can('admin') ? <Trail /> : <AdminsOnly title="Audit trail" />
}

function Trail() {
  const [search, change] = useListSearch<AuditSearch>('/audit')
  const { actor, action, type, result, people } = search
  const audit = useQuery(
    auditListOptions({ query: { ...listQuery(search), actor, action, object_type: type, result, people } }),
  )
  return (
    <ListPage<Audit>
      title="Audit trail"
      description="Every change and every refused attempt, newest first. Entries cannot be edited."
      storeKey="audit"
      filters={
        <>
          <SearchField
            label="Who"
            placeholder="Exact name"
            w={150}
            value={actor ?? ''}
            onChange={(next) => change({ actor: next })}
          />
          <FilterSelect label="Action" data={ACTIONS} value={action} onChange={(next) => change({ action: next })} />
          <FilterSelect
            label="Object"
            data={Object.entries(TYPES).map(([value, label]) => ({ value, label }))}
            value={type}
            onChange={(next) => change({ type: next })}
          />
          <FilterSelect label="Result" data={RESULTS} value={result} onChange={(next) => change({ result: next })} />
          <Toggle
            label="People only"
            checked={people ?? false}
            onChange={(on) => change({ people: on || undefined })}
          />
        </>
      }
      filtered={Boolean(actor || action || type || result || people)}
      list={audit}
      search={search}
      onSearch={change}
      columns={[
        { accessor: 'id', title: 'Id', sortable: true, width: 80 },
        { accessor: 'at', title: 'When', sortable: true, render: (entry) => <Age at={entry.at} size="sm" /> },
        { accessor: 'actor', title: 'Who', sortable: true, render: (entry) => entry.actor || NONE },
        { accessor: 'action', title: 'Action' },
        {
          accessor: 'object_id',
          title: 'Object',
          render: (entry) => <AuditObject entry={entry} />,
        },
        {
          accessor: 'result',
          title: 'Result',
          render: (entry) => (
            <StatusBadge state={LOOKS[entry.result] ?? 'created'} label={entry.result} tooltip={entry.result} />
          ),
        },
        {
          accessor: 'detail',
          title: 'Detail',
          render: (entry) => (
            <Tooltip label={hashes(entry)} disabled={!entry.before && !entry.after}>
              <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
                {entry.detail || NONE}
              </Text>
            </Tooltip>
          ),
        },
        { accessor: 'address', title: 'From', render: (entry) => entry.address || NONE },
      ]}
      empty={<EmptyState title="No changes yet" />}
    />
  )
}

const LINKS: Record<string, typeof ModelLink> = {
  mlmodel: ModelLink,
  configuration: ConfigurationLink,
  deployment: DeploymentLink,
  trainingresult: ResultLink,
  inference: InferenceLink,
  announcement: StreamLink,
  dataset: DatasetLink,
}
/** The trail keeps this many characters of an id, so a longer name of a topic is cut. */
const ID_CHARACTERS = 40

/** The object of an entry, as a link to its page where it has one. It may be gone, which the page then says. */
function AuditObject({ entry: { object_type, object_id, action } }: { entry: Audit }) {
  const words = [TYPES[object_type] ?? object_type, object_id].filter(Boolean).join(' ') || NONE
  const Link = LINKS[object_type]
  if (object_id === '' || action === 'delete') return words
  if (object_type === 'topic' && object_id.length < ID_CHARACTERS)
    return <TopicLink name={object_id}>{words}</TopicLink>
  return Link ? <Link id={object_id}>{words}</Link> : words
}

function hashes(entry: Audit): string {
  const part = (hash: string) => (hash ? hash.slice(0, 12) : 'nothing')
  return `state ${part(entry.before)} before, ${part(entry.after)} after (sha256)`
}
