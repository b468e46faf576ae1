/** One decoded sample: drawn where its shape is an image's, listed as numbers otherwise. */
import { Box, Code } from '@mantine/core'
import { useEffect, useRef } from 'react'
import { formatShape, formatValue } from '~/lib/format'
import { SmallPrint } from './Dimmed'

export interface SampleData {
  shape: readonly number[]
  dtype: string
  /** The values in row-major order. Whole numbers that JavaScript would round are texts. */
  values: readonly (number | string | null)[]
  truncated: boolean
}

interface ImageLayout {
  height: number
  width: number
  channels: 1 | 3
  /** Distances within the flat values: between neighbouring pixels, between rows, and between channels. */
  pixel: number
  row: number
  channel: number
}

/** How ``shape`` is laid out as an image: (h, w), (h, w, 1 or 3) or (1 or 3, h, w). Null for any other shape. */
export function imageLayout(shape: readonly number[]): ImageLayout | null {
  const big = (size: number | undefined): size is number => size !== undefined && size >= 4 && size <= 512
  const [a, b, c] = shape
  if (shape.length === 2 && big(a) && big(b)) {
    return { height: a, width: b, channels: 1, pixel: 1, row: b, channel: 0 }
  }
  if (shape.length === 3 && big(a) && big(b) && (c === 1 || c === 3)) {
    return { height: a, width: b, channels: c, pixel: c, row: b * c, channel: 1 }
  }
  if (shape.length === 3 && (a === 1 || a === 3) && big(b) && big(c)) {
    return { height: b, width: c, channels: a, pixel: 1, row: c, channel: b * c }
  }
  return null
}

export function SampleView({ sample, label, size = 84 }: { sample: SampleData; label?: string; size?: number }) {
  const layout = sample.truncated ? null : imageLayout(sample.shape)
  if (layout) return <SampleImage sample={sample} layout={layout} size={size} label={label ?? 'sample'} />
  const shown = sample.values.slice(0, 64)
  return (
    <Box>
      <Code
        block
        tabIndex={0}
        aria-label={label ?? 'Values of the sample'}
        style={{ maxHeight: size, overflow: 'auto', padding: 6 }}
      >
        {shown.map((value) => formatValue(value)).join(', ')}
        {sample.values.length > shown.length || sample.truncated ? ', …' : ''}
      </Code>
      <SmallPrint>
        {sample.dtype}, {formatShape(sample.shape)}
      </SmallPrint>
    </Box>
  )
}

function SampleImage({
  sample,
  layout,
  size,
  label,
}: {
  sample: SampleData
  layout: ImageLayout
  size: number
  label: string
}) {
  const canvas = useRef<HTMLCanvasElement>(null)
  useEffect(() => {
    const context = canvas.current?.getContext('2d')
    if (!context) return
    const image = context.createImageData(layout.width, layout.height)
    const scale = scaleOf(sample)
    for (let y = 0; y < layout.height; y += 1) {
      for (let x = 0; x < layout.width; x += 1) {
        const source = y * layout.row + x * layout.pixel
        const target = (y * layout.width + x) * 4
        for (let channel = 0; channel < 3; channel += 1) {
          const value = sample.values[source + (layout.channels === 3 ? channel : 0) * layout.channel] ?? 0
          image.data[target + channel] = scale(Number(value))
        }
        image.data[target + 3] = 255
      }
    }
    context.putImageData(image, 0, 0)
  }, [sample, layout])
  return (
    <canvas
      ref={canvas}
      role="img"
      aria-label={`${label}: image of ${layout.width} by ${layout.height}`}
      width={layout.width}
      height={layout.height}
      style={{
        width: (size * layout.width) / Math.max(layout.width, layout.height),
        height: (size * layout.height) / Math.max(layout.width, layout.height),
        imageRendering: 'pixelated',
        border: '1px solid var(--mantine-color-default-border)',
      }}
    />
  )
}

/**
 * Maps values to brightness 0..255. Bytes stay as they are; all others are scaled by their range, as are bytes of few
 * grey levels.
 */
function scaleOf(sample: SampleData): (value: number) => number {
  let least = Number.POSITIVE_INFINITY
  let greatest = Number.NEGATIVE_INFINITY
  for (const value of sample.values) {
    if (value === null) continue
    least = Math.min(least, Number(value))
    greatest = Math.max(greatest, Number(value))
  }
  if (sample.dtype === 'uint8' && greatest > 64) return (value) => value
  const span = greatest - least || 1
  return (value) => ((value - least) / span) * 255
}
