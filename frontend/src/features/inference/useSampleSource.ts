/** What is known of the samples of an inference: their shape and type, and real ones from the stream that trained it. */
import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { drawableShape, filledOfSamples, rangeOfSamples, rangeOfType, type ValueRange } from '~/components/drawing'
import type { SampleData } from '~/components/SampleView'
import {
  type Contract,
  type Inference,
  modelsRetrieveOptions,
  resultsRetrieveOptions,
  streamsPreviewRetrieveOptions,
  streamsRetrieveOptions,
} from '~/lib/api'
import { contractOf } from '~/lib/datasets'
import { formatValue } from '~/lib/format'
import { useExampleRecord } from './useExampleRecord'

const SAMPLES = 60

export interface RealSample {
  key: string
  sample: SampleData
  label: string | null
}

export interface SampleSource {
  loading: boolean
  /** What the format declares; null where only the data tell. */
  declared: number[] | null
  dtype: string
  /** The shape to draw in; null if the samples are not images. */
  drawable: number[] | null
  /** The shape of a sample as far as it is known. */
  shape: (number | null)[] | null
  range: ValueRange
  /** 'stream 1': where the range was seen. */
  rangeFrom: string | null
  /** How much of a picture the samples fill; null: not known. */
  filled: number | null
  stream: number | null
  samples: RealSample[]
  /** By which records become samples; null: arrays are sent. */
  contract: Contract | null
  /** A record that the contract reads. */
  record: Record<string, unknown> | null
}

export function useSampleSource(inference: Inference): SampleSource {
  const result = useQuery({ ...resultsRetrieveOptions({ path: { id: String(inference.result) } }), staleTime: 60_000 })
  const model = useQuery({
    ...modelsRetrieveOptions({ path: { id: String(result.data?.model ?? 0) } }),
    enabled: result.data !== undefined,
    staleTime: 60_000,
    retry: false,
  })
  const streamId = result.data?.stream ?? null
  const stream = useQuery({
    ...streamsRetrieveOptions({ path: { id: String(streamId) } }),
    enabled: streamId !== null,
    staleTime: 60_000,
    retry: false,
  })
  const contract = contractOf(inference.input_format, inference.input_config)
  const record = useExampleRecord(contract, stream.data?.topic ?? '')
  // Only samples of the same format can be sent as they are, and what a contract has made of a record not at all.
  const preview = useQuery({
    ...streamsPreviewRetrieveOptions({ path: { id: String(streamId) }, query: { limit: SAMPLES } }),
    enabled: contract === null && stream.data?.input_format === inference.input_format,
    staleTime: 600_000,
    retry: false,
  })
  const declared = useMemo(() => declaredShape(inference.input_config), [inference.input_config])
  const dtype = typeof inference.input_config.data_type === 'string' ? inference.input_config.data_type : 'float32'
  const samples = useMemo(
    () =>
      (preview.data?.samples ?? []).flatMap(({ topic, partition, offset, features, ...label }) =>
        features && !features.truncated
          ? [{ key: `${topic}:${partition}:${offset}`, sample: features, label: labelOf(label) }]
          : [],
      ),
    [preview.data],
  )
  const modelInput = model.data?.report.inputs?.[0]?.shape.slice(1) ?? null
  const seen = useMemo(() => rangeOfSamples(samples.map((sample) => sample.sample)), [samples])
  const modelShape = modelInput ? JSON.stringify(modelInput) : ''
  const drawable = useMemo(
    () => drawableShape(declared, modelShape ? (JSON.parse(modelShape) as (number | null)[]) : null),
    [declared, modelShape],
  )
  const range = useMemo(() => seen ?? rangeOfType(dtype), [seen, dtype])
  const filled = useMemo(
    () =>
      seen && drawable
        ? filledOfSamples(
            samples.map((sample) => sample.sample),
            drawable,
            seen,
          )
        : null,
    [samples, drawable, seen],
  )
  return {
    loading: [result, model, stream].some(
      (queryObserverRefetchErrorResult) =>
        queryObserverRefetchErrorResult.isPending && queryObserverRefetchErrorResult.fetchStatus !== 'idle',
    ),
    declared,
    dtype,
    drawable,
    shape: declared ?? modelInput,
    range,
    rangeFrom: seen && streamId !== null ? `stream ${streamId}` : null,
    filled,
    stream: streamId,
    samples,
    contract,
    record,
  }
}

/** '28 28' or [28, 28] -> [28, 28]; as the sinks write it. */
export function declaredShape(config: Record<string, unknown>): number[] | null {
  const text = config.data_reshape
  const parts = Array.isArray(text) ? text : typeof text === 'string' ? text.match(/\d+/g) : null
  const sizes = (parts ?? []).map(Number)
  return sizes.length > 0 && sizes.every((size) => Number.isInteger(size) && size > 0) ? sizes : null
}

function labelOf(label: { label_sample: SampleData | null; label_text: string | null }): string | null {
  if (label.label_text !== null) return label.label_text
  const values = label.label_sample?.values
  return values && values.length > 0 ? values.map((value) => formatValue(value)).join(', ') : null
}
