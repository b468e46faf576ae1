/** The files of a training, to download or to use on this page. */

import { Box, Button, Code, Group, Stack, Text } from '@mantine/core'
import { IconBroadcast, IconFileZip } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { Fragment } from 'react'
import { ButtonLink, InferenceLink } from '~/components/ButtonLink'
import { CopyButton } from '~/components/CopyButton'
import { SmallPrint } from '~/components/Dimmed'
import { EmptyState } from '~/components/EmptyState'
import { Facts } from '~/components/Facts'
import { InferenceBadge } from '~/components/InferenceBadge'
import { Section } from '~/components/Section'
import { type Artifact, type FileUse, inferencesListOptions, type Result, streamsRetrieveOptions } from '~/lib/api'
import { titleOf, useFrameworks } from '~/lib/frameworks'
import { hasEnded } from '~/lib/runs'
import { useSession } from '~/lib/session'
import { FileTable } from './FileTable'
import { inOrder, loadSnippet } from './files'
import { FormatText } from './LineageTab'

export function FilesTab({ result }: { result: Result }) {
  const { artifacts, current_version: version } = result
  const frameworks = useFrameworks()
  if (version === null || artifacts.length === 0) {
    return hasEnded(result) ? (
      <EmptyState title="Nothing to download" command={`kafka-ml results logs ${result.id}`}>
        This run ended before its model was saved. See its failure and its log for the reason.
      </EmptyState>
    ) : (
      <Text c="dimmed">The trained model appears here once training has finished.</Text>
    )
  }
  return (
    <Stack gap="xl">
      {result.state === 'finished' && <Serve result={result} />}
      <Section title={result.version_count > 1 ? `Files of version ${version}` : 'Files'}>
        <FileTable result={result} version={version} files={artifacts} />
        <Group gap="sm" mt="xs">
          <Button
            component="a"
            size="xs"
            variant="default"
            href={`/api/results/${result.id}/versions/${version}/archive/`}
            download
            leftSection={<IconFileZip size={14} aria-hidden />}
          >
            Download all as a zip
          </Button>
          <SmallPrint>With the names that the files refer to each other by, and a README on loading them.</SmallPrint>
        </Group>
        <Group gap={4} mt="xs" wrap="nowrap">
          <Code style={{ overflowX: 'auto' }}>{`kafka-ml results download ${result.id} --to result-${result.id}`}</Code>
          <CopyButton text={`kafka-ml results download ${result.id} --to result-${result.id}`} what="command" />
        </Group>
      </Section>
      <Section title="Loading them in Python">
        <Stack>
          {inOrder(artifacts, frameworks, result.framework).map(([file, use]) => (
            <Snippet key={file.name} result={result} file={file} use={use} />
          ))}
        </Stack>
      </Section>
    </Stack>
  )
}

function Snippet({ result, file, use }: { result: Result; file: Artifact; use: FileUse }) {
  // The program expects its own name and that of the weights, as the command line saves them.
  const saved = file.name === 'model.py' ? file.name : `${result.download_stem}-${file.name}`
  const text = loadSnippet(use, saved)
  if (text === null) return null
  return (
    <Box>
      <Group justify="space-between" mb={2}>
        <Text size="sm" fw={500}>
          {file.name}
        </Text>
        <CopyButton text={text} what={`the code that loads ${file.name}`} />
      </Group>
      <Code block tabIndex={0} aria-label={`Python that loads ${file.name}`} style={{ overflowX: 'auto' }}>
        {text}
      </Code>
    </Box>
  )
}

function Serve({ result }: { result: Result }) {
  const { can } = useSession()
  const stream = useQuery({
    ...streamsRetrieveOptions({ path: { id: String(result.stream ?? 0) } }),
    enabled: result.stream !== null,
  })
  const frameworks = useFrameworks()
  const inferences = useQuery(inferencesListOptions({ query: { result: result.id, limit: 20 } }))
  const running = inferences.data?.results ?? []
  return (
    <Section title="Serve it on a topic">
      <Facts
        facts={[
          stream.data
            ? [
                'Input records',
                <FormatText key="format" format={stream.data.input_format} config={stream.data.input_config} />,
              ]
            : null,
          [
            'Runs on',
            result.artifacts.some((artifact) => artifact.name === 'model.onnx')
              ? 'ONNX Runtime, the fastest option'
              : `${titleOf(frameworks, result.framework)}, because it could not be converted to ONNX`,
          ],
          running.length > 0 && [
            'Served by',
            <Group key="inferences" gap="xs">
              {running.map((inference) => (
                <Fragment key={inference.id}>
                  <InferenceLink id={inference.id}>inference {inference.id}</InferenceLink>
                  <InferenceBadge inference={inference} />
                </Fragment>
              ))}
            </Group>,
          ],
        ]}
      />
      {can('editor') && (
        <ButtonLink
          mt="sm"
          to="/inference/new"
          search={{ result: result.id }}
          leftSection={<IconBroadcast size={14} aria-hidden />}
        >
          Serve
        </ButtonLink>
      )}
    </Section>
  )
}
