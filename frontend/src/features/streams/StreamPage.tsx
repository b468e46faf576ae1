/** One announced stream: its samples, its format and ranges, and the trainings that used it. */
import { Button, Text } from '@mantine/core'
import { IconSend, IconTrash } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { ButtonLink } from '~/components/ButtonLink'
import { CopyAs } from '~/components/CopyAs'
import { DeleteDialog } from '~/components/DeleteDialog'
import { ObjectPage } from '~/components/ObjectPage'
import { SameRecords } from '~/components/SameRecords'
import { streamsRetrieveOptions } from '~/lib/api'
import { COLUMNS, exportActions } from '~/lib/datasets'
import { curlCall } from '~/lib/equivalents'
import { parseRanges, topicsOf } from '~/lib/ranges'
import { useSession } from '~/lib/session'
import { DeploymentName } from './DeploymentName'
import { RuleTab } from './RuleTab'
import type { StreamSearch } from './routes'
import { SamplesTab } from './SamplesTab'
import { SendForm } from './SendForm'
import { TrainingsTab } from './TrainingsTab'

export function StreamPage() {
  const { id } = useParams({ from: '/streams/$id' })
  const search = useSearch({ from: '/streams/$id' })
  const navigate = useNavigate({ from: '/streams/$id' })
  const { can } = useSession()
  const number = Number(id)
  const [deleting, setDeleting] = useState(false)
  const query = useQuery(streamsRetrieveOptions({ path: { id } }))
  const stream = query.data
  const change = (next: StreamSearch) =>
    void navigate({ search: (before: StreamSearch) => ({ ...before, ...next }), replace: true })
  return (
    <>
      <ObjectPage
        what="Stream"
        id={number}
        title={stream ? stream.description || topicsOf(parseRanges(stream.topic)).join(', ') : ''}
        query={query}
        subtitle={
          stream && (
            <Text size="sm" component="div">
              sent to <DeploymentName stream={stream} />
              {stream.same_as !== null && ', '}
              <SameRecords stream={stream} />
              {stream.note && (
                <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
                  {stream.note}
                </Text>
              )}
            </Text>
          )
        }
        createdAt={stream?.registered_at}
        actions={
          <>
            <CopyAs
              equivalents={{
                cli: `kafka-ml streams show ${id}`,
                python: `from kafkaml.sdk import Client\n\nclient = Client()\nstream = client.streams.get(${id})\nprint(stream.topic, stream.input_format, stream.input_config)`,
                curl: curlCall('GET', `/api/streams/${id}/`),
              }}
            />
            {can('editor') && stream && !stream.used && !stream.incremental && (
              <ButtonLink to="/training/new" search={{ stream: stream.id }}>
                Train on this stream
              </ButtonLink>
            )}
            {can('editor') && (
              <Button
                size="xs"
                variant="default"
                leftSection={<IconSend size={14} aria-hidden />}
                onClick={() => change({ send: true })}
              >
                Send to another deployment
              </Button>
            )}
          </>
        }
        menu={[
          ...(stream && stream.input_format !== COLUMNS && !stream.incremental
            ? exportActions(`/api/streams/${stream.id}/export/`)
            : []),
          ...(can('editor')
            ? [
                {
                  label: 'Delete',
                  danger: true,
                  icon: <IconTrash size={14} aria-hidden />,
                  onClick: () => setDeleting(true),
                },
              ]
            : []),
        ]}
        tab={search.tab}
        onTab={(tab) => change({ tab: tab === 'samples' ? undefined : tab })}
        tabs={[
          {
            value: 'samples',
            label: 'Samples',
            content: () => stream && <SamplesTab stream={stream} search={search} onSearch={change} />,
          },
          { value: 'rule', label: 'Encoding and ranges', content: () => stream && <RuleTab stream={stream} /> },
          { value: 'trainings', label: 'Training runs', content: () => stream && <TrainingsTab stream={stream} /> },
        ]}
      />
      {deleting && (
        <DeleteDialog
          kind="streams"
          ids={[number]}
          onClose={() => setDeleting(false)}
          onDeleted={() => navigate({ to: '/streams' })}
        />
      )}
      {stream && can('editor') && search.send && (
        <SendForm stream={stream} onClose={() => change({ send: undefined })} />
      )}
    </>
  )
}
