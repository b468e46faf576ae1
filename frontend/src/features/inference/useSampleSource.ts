/**
 * Everything known about the samples of an inference: shape, type, and real samples from the stream that trained it.
 */
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
  /** The shape that the format declares; null when it declares none. */
  declared: number[] | null
  dtype: string
  /** The shape to draw in; null if the samples are not images. */
  drawable: number[] | null
  /** The shape of a sample, with null for unknown sizes; null when nothing is known. */
  shape: (number | null)[] | null
  range: ValueRange
  /** Where the range of values was seen, such as 'stream 1'. */
  rangeFrom: string | null
  /** The share of a picture that the samples fill; null when unknown. */
  filled: number | null
  stream: number | null
  samples: RealSample[]
  /** The contract that turns records into samples; null when arrays are sent. */
  contract: Contract | null
  /** An example record that the contract accepts. */
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
  // Real samples can be sent only in the same format, and never when a contract made them from records.
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

/** The shape declared by a format, as the sinks write it: '28 28' or [28, 28] -> [28, 28]. */
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
