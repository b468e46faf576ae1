/** Predictions on a map: points coloured by class or value, and the same as a table. */
import { Button, Group, Skeleton, Stack, Text, Title } from '@mantine/core'
import { lazy, Suspense, useMemo, useState } from 'react'
import { SmallPrint } from '~/components/Dimmed'
import { RowTable } from '~/components/RowTable'
import { formatClock, formatMetric, formatPercent, plural } from '~/lib/format'
import type { PlacedPrediction } from './frames'
import type { Naming } from './labels'
import { useStore, type Watch } from './useWatch'

const WorldMap = lazy(() => import('./WorldMap'))
const TABLE_ROWS = 20

export function MapView({ watch, naming }: { watch: Watch; naming: Naming }) {
  const { places, leftOut, kind } = useStore(
    watch.store,
    (store) => ({
      places: store.places,
      leftOut: store.latest?.places_left_out ?? 0,
      kind: store.latest?.type ?? null,
    }),
    250,
  )
  const [asTable, setAsTable] = useState(false)
  const range = useMemo(() => rangeOf(places), [places])
  return (
    <Stack gap="xs">
      <Group justify="space-between">
        <Title order={2}>Map</Title>
        <Button size="compact-xs" variant="subtle" onClick={() => setAsTable(!asTable)}>
          {asTable ? 'View as map' : 'View as table'}
        </Button>
      </Group>
      {asTable ? (
        <PlaceTable places={places} naming={naming} />
      ) : (
        <Suspense fallback={<Skeleton height={360} />}>
          <WorldMap
            points={places.map((place) => ({
              latitude: place.latitude,
              longitude: place.longitude,
              color: place.id === null ? valueColor(place.values[0] ?? null, range) : naming.colorOf(place.id),
              title: `${placeText(place)}: ${answerText(place, naming)}`,
            }))}
          />
        </Suspense>
      )}
      <SmallPrint>
        {places.length === 0
          ? 'No prediction with a latitude and a longitude yet.'
          : `The last ${plural(places.length, 'prediction')}${leftOut > 0 ? '; at this rate, a sample of them' : ''}.`}
        {kind === 'regression' &&
          range &&
          ` Colour: ${formatMetric(range[0])} (blue) to ${formatMetric(range[1])} (red).`}
      </SmallPrint>
      {kind === 'classification' && places.length > 0 && <Legend places={places} naming={naming} />}
    </Stack>
  )
}

function Legend({ places, naming }: { places: readonly PlacedPrediction[]; naming: Naming }) {
  const ids = [...new Set(places.flatMap((place) => (place.id === null ? [] : [place.id])))].sort((a, b) => a - b)
  return (
    <Group gap="sm">
      {ids.slice(0, 30).map((id) => (
        <Group key={id} gap={6}>
          <span style={{ width: 10, height: 10, borderRadius: 5, background: naming.colorOf(id) }} aria-hidden />
          <Text size="xs">{naming.nameOf(id)}</Text>
        </Group>
      ))}
    </Group>
  )
}

function PlaceTable({ places, naming }: { places: readonly PlacedPrediction[]; naming: Naming }) {
  return (
    <RowTable
      label="Predictions with their places"
      minWidth={400}
      verticalSpacing={3}
      rows={places.slice(-TABLE_ROWS).reverse()}
      rowKey={(place, index) => `${place.source}:${place.at}:${index}`}
      columns={[
        { title: 'Time', cell: (place) => formatClock(place.at * 1000) },
        { title: 'Place', cell: placeText },
        { title: 'Prediction', cell: (place) => answerText(place, naming) },
      ]}
    />
  )
}

/** A position as text, such as '36.7° N, 4.4° W'. */
export function placeText({ latitude, longitude }: { latitude: number; longitude: number }): string {
  return `${Math.abs(latitude).toFixed(2)}° ${latitude < 0 ? 'S' : 'N'}, ${Math.abs(longitude).toFixed(2)}° ${longitude < 0 ? 'W' : 'E'}`
}

function answerText(place: PlacedPrediction, naming: Naming): string {
  if (place.id === null)
    return place.values
      .slice(0, 4)
      .map((value) => formatMetric(value))
      .join(', ')
  const score = place.values[place.id] ?? null
  return score !== null && score >= 0 && score <= 1
    ? `${naming.nameOf(place.id)} (${formatPercent(score)})`
    : naming.nameOf(place.id)
}

function rangeOf(places: readonly PlacedPrediction[]): [number, number] | null {
  const values = places.flatMap((place) =>
    place.values[0] === null || place.values[0] === undefined ? [] : [place.values[0]],
  )
  return values.length === 0 ? null : [Math.min(...values), Math.max(...values)]
}

/** A scale from blue over grey to red, which readers who confuse red and green can distinguish too. */
function valueColor(value: number | null, range: [number, number] | null): string {
  if (value === null || range === null || range[0] === range[1]) return '#2166ac'
  const share = (value - range[0]) / (range[1] - range[0])
  return `color-mix(in oklab, #c1272d ${Math.round(share * 100)}%, #2166ac)`
}
