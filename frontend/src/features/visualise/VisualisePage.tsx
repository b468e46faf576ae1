/** The predictions of one inference, live: as classes or lines, on a map, and how the view is configured. */

import { Button, Group, Text } from '@mantine/core'
import { useFullscreenElement } from '@mantine/hooks'
import { IconMaximize, IconMinimize } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { ButtonLink, TopicLink } from '~/components/ButtonLink'
import { FailingAlert } from '~/components/FailingAlert'
import { ObjectPage } from '~/components/ObjectPage'
import { type Inference, inferencesRetrieveOptions, resultsRetrieveOptions } from '~/lib/api'
import { shownState } from '~/lib/runs'
import { formOfConfig, streamQuery, writeConfig } from './config'
import { LivePanel } from './LivePanel'
import { suggestedConfig, useNaming } from './labels'
import { MapView } from './MapView'
import { SetupPanel } from './SetupPanel'
import { useSetup } from './useSetup'
import { useWatch } from './useWatch'
import classes from './VisualisePage.module.css'

const NO_NAMES: string[] = []

export function VisualisePage() {
  const { id } = useParams({ from: '/visualise/$id' })
  const inference = useQuery(inferencesRetrieveOptions({ path: { id } }))
  if (!inference.data) {
    return <ObjectPage what="Inference" title="" query={inference} />
  }
  return <WatchPage key={id} inference={inference.data} />
}

function WatchPage({ inference }: { inference: Inference }) {
  const search = useSearch({ from: '/visualise/$id' })
  const navigate = useNavigate({ from: '/visualise/$id' })
  const setup = useSetup(inference)
  const watch = useWatch(inference.id, streamQuery(setup.shown))
  const result = useQuery(resultsRetrieveOptions({ path: { id: String(inference.result) } }))
  const names = result.data?.outcome?.labels ?? NO_NAMES
  const naming = useNaming(setup.shown, names)
  const { ref, toggle, fullscreen } = useFullscreenElement<HTMLDivElement>()
  const suggest = (type: 'classification' | 'regression') => {
    const { form } = setup.read
    const suggested = suggestedConfig(names, watch.store.latest?.outputs ?? 0, type)
    // A suggestion replaces only the labels and keeps all other settings.
    setup.setText(
      writeConfig({ ...formOfConfig(suggested), ...(form ? { ...form, labels: formOfConfig(suggested).labels } : {}) }),
    )
  }
  const live = (map: boolean) => (
    <div ref={ref} className={classes.stage} data-full={fullscreen || undefined}>
      {fullscreen && (
        <Group justify="space-between">
          <Text fw={600} size="lg">
            {inference.model_name}
          </Text>
          <FullScreenButton on onClick={() => void toggle()} />
        </Group>
      )}
      {map && setup.shown?.map ? (
        <MapView watch={watch} naming={naming} />
      ) : (
        <LivePanel
          inference={inference}
          watch={watch}
          naming={naming}
          config={setup.shown}
          tall={fullscreen}
          span={search.span ?? 60}
          onSpan={(span) => void navigate({ search: (before) => ({ ...before, span }), replace: true })}
        />
      )}
    </div>
  )
  const tabs = [
    { value: 'live', label: 'Live', content: () => live(false) },
    ...(setup.shown?.map ? [{ value: 'map', label: 'Map', content: () => live(true) }] : []),
    {
      value: 'setup',
      label: setup.changed ? 'Set up (not saved)' : 'Set up',
      content: () => (
        <SetupPanel
          inference={inference}
          text={setup.text}
          read={setup.read}
          changed={setup.changed}
          onText={setup.setText}
          onSaved={setup.reset}
          onSuggest={suggest}
        />
      ),
    },
  ]
  const tab = tabs.find((candidate) => candidate.value === search.tab)?.value ?? 'live'
  return (
    <ObjectPage
      what="Inference"
      id={inference.id}
      title={inference.model_name}
      state={shownState(inference)}
      stateTooltip={inference.failing?.reason}
      subtitle={
        <Text size="sm" component="div">
          writes to <TopicLink name={inference.output_topic} />
          {inference.output_bootstrap_servers && ` of ${inference.output_bootstrap_servers}`}
        </Text>
      }
      actions={
        <>
          <ButtonLink to="/inference/$id" params={{ id: String(inference.id) }} variant="default">
            Inference
          </ButtonLink>
          {tab !== 'setup' && <FullScreenButton on={false} onClick={() => void toggle()} />}
        </>
      }
      alerts={inference.failing && <FailingAlert inference={inference} failing={inference.failing} />}
      tabs={tabs}
      tab={tab}
      onTab={(next) =>
        void navigate({
          search: (before) => ({ ...before, tab: next === 'live' ? undefined : (next as 'map' | 'setup') }),
          replace: true,
        })
      }
    />
  )
}

function FullScreenButton({ on, onClick }: { on: boolean; onClick: () => void }) {
  const Icon = on ? IconMinimize : IconMaximize
  return (
    <Button size="xs" variant="default" leftSection={<Icon size={14} aria-hidden />} onClick={onClick}>
      {on ? 'Leave full screen' : 'Full screen'}
    </Button>
  )
}
