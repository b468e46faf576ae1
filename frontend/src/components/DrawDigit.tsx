/** A board to draw on with mouse, finger, pen or arrow keys; gives what is drawn as a sample of the model's size. */
import { Box, Button, Group, Stack } from '@mantine/core'
import { IconEraser } from '@tabler/icons-react'
import { type KeyboardEvent, type PointerEvent, useCallback, useEffect, useRef, useState } from 'react'
import { SmallPrint } from './Dimmed'
import {
  BOARD,
  type Board,
  downsample,
  drawLine,
  emptyBoard,
  inkToValues,
  isEmpty,
  PEN,
  usualFilled,
  type ValueRange,
} from './drawing'
import { imageLayout, type SampleData } from './SampleView'
import { Toggle } from './Toggle'

const SIZE = 252
const KEY_STEP = 5

export function DrawDigit({
  shape,
  dtype,
  range,
  filled,
  onChange,
}: {
  /** The shape of the image, one that imageLayout understands. */
  shape: readonly number[]
  dtype: string
  range: ValueRange
  /** The share of the picture that training samples fill; null when unknown. */
  filled: number | null
  /** The drawing as a sample; null while the board is empty. */
  onChange: (sample: SampleData | null) => void
}) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const board = useRef<Board>(emptyBoard())
  const last = useRef<[number, number] | null>(null)
  const [cursor, setCursor] = useState<[number, number] | null>(null)
  const [penDown, setPenDown] = useState(false)
  const [fit, setFit] = useState(true)

  const paint = useCallback(() => {
    const context = canvas.current?.getContext('2d')
    if (!context) return
    const image = context.createImageData(BOARD, BOARD)
    for (let place = 0; place < board.current.length; place += 1) {
      // Ink is white on black in both themes, as in the training samples.
      const shade = Math.round((board.current[place] ?? 0) * 255)
      image.data.set([shade, shade, shade, 255], place * 4)
    }
    context.putImageData(image, 0, 0)
    if (cursor) {
      context.strokeStyle = penDown ? '#ff8f87' : '#9fb0ff'
      context.lineWidth = 1.5
      context.beginPath()
      context.arc(cursor[0], cursor[1], PEN, 0, 2 * Math.PI)
      context.stroke()
    }
  }, [cursor, penDown])
  useEffect(paint, [paint])

  const tell = useCallback(() => {
    const layout = imageLayout(shape)
    if (!layout) return
    if (isEmpty(board.current)) return onChange(null)
    const ink = downsample(
      board.current,
      layout.height,
      layout.width,
      fit ? (filled ?? usualFilled(layout.height, layout.width)) : null,
    )
    onChange({ shape, dtype, values: inkToValues(ink, shape, dtype, range), truncated: false })
  }, [shape, dtype, range, filled, fit, onChange])
  // Another shape, range or fill turns the same drawing into another sample.
  useEffect(tell, [tell])

  const placeOf = (event: PointerEvent): [number, number] => {
    const box = event.currentTarget.getBoundingClientRect()
    return [((event.clientX - box.left) / box.width) * BOARD, ((event.clientY - box.top) / box.height) * BOARD]
  }
  const lineTo = (to: [number, number]) => {
    const from = last.current ?? to
    drawLine(board.current, from[0], from[1], to[0], to[1])
    last.current = to
    paint()
  }
  const lift = () => {
    if (last.current === null) return
    last.current = null
    tell()
  }
  const clear = () => {
    board.current = emptyBoard()
    last.current = null
    setPenDown(false)
    paint()
    tell()
  }
  const onKey = (event: KeyboardEvent) => {
    const step: Record<string, [number, number]> = {
      ArrowLeft: [-KEY_STEP, 0],
      ArrowRight: [KEY_STEP, 0],
      ArrowUp: [0, -KEY_STEP],
      ArrowDown: [0, KEY_STEP],
    }
    const here = cursor ?? [BOARD / 2, BOARD / 2]
    if (event.key === ' ') {
      event.preventDefault()
      setPenDown(!penDown)
      if (!penDown) drawLine(board.current, here[0], here[1], here[0], here[1])
      setCursor([...here])
      tell()
    } else if (event.key === 'Delete' || event.key === 'Backspace') {
      event.preventDefault()
      clear()
    } else if (step[event.key]) {
      event.preventDefault()
      const [dx, dy] = step[event.key] ?? [0, 0]
      const next: [number, number] = [
        Math.min(BOARD - 1, Math.max(0, here[0] + dx)),
        Math.min(BOARD - 1, Math.max(0, here[1] + dy)),
      ]
      if (penDown) {
        drawLine(board.current, here[0], here[1], next[0], next[1])
        tell()
      }
      setCursor(next)
    }
  }
  return (
    <Stack gap={6} w={SIZE}>
      <Box
        role="application"
        aria-label="Drawing area: arrow keys move the pen, Space lowers or lifts it, Delete clears"
        tabIndex={0}
        onKeyDown={onKey}
        onFocus={(event) => event.currentTarget.matches(':focus-visible') && setCursor([BOARD / 2, BOARD / 2])}
        onBlur={() => {
          setCursor(null)
          setPenDown(false)
        }}
        onPointerDown={(event) => {
          if (event.button !== 0) return
          event.currentTarget.setPointerCapture(event.pointerId)
          setCursor(null)
          lineTo(placeOf(event))
        }}
        onPointerMove={(event) => last.current && lineTo(placeOf(event))}
        onPointerUp={lift}
        onPointerCancel={lift}
        style={{ touchAction: 'none', cursor: 'crosshair', lineHeight: 0, borderRadius: 4, overflow: 'hidden' }}
      >
        <canvas ref={canvas} width={BOARD} height={BOARD} aria-hidden style={{ width: SIZE, height: SIZE }} />
      </Box>
      <Group justify="space-between">
        <Toggle label="Fit and centre" checked={fit} onChange={setFit} />
        <Button size="compact-xs" variant="default" leftSection={<IconEraser size={14} aria-hidden />} onClick={clear}>
          Clear
        </Button>
      </Group>
      <SmallPrint>Draw with the mouse or a finger. Keyboard: arrow keys move, Space draws.</SmallPrint>
    </Stack>
  )
}
