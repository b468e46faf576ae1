/** Turns a drawing into a sample of a model: strokes are kept on a fine grid and averaged down to the model's size. */
import { imageLayout } from './SampleView'

/** Cells on each side of the fine grid. */
export const BOARD = 140
/** Radius of the pen in cells of the grid. */
export const PEN = 7

/** Ink per cell from 0 to 1, row by row. */
export type Board = Float32Array

export function emptyBoard(): Board {
  return new Float32Array(BOARD * BOARD)
}

export function isEmpty(board: Board): boolean {
  return !board.some((ink) => ink > 0)
}

/** Draw a line with round ends; positions in cells of the board. The edge is soft over one cell. */
export function drawLine(board: Board, x0: number, y0: number, x1: number, y1: number, radius = PEN): void {
  const left = Math.max(0, Math.floor(Math.min(x0, x1) - radius - 1))
  const right = Math.min(BOARD - 1, Math.ceil(Math.max(x0, x1) + radius + 1))
  const top = Math.max(0, Math.floor(Math.min(y0, y1) - radius - 1))
  const bottom = Math.min(BOARD - 1, Math.ceil(Math.max(y0, y1) + radius + 1))
  const [dx, dy] = [x1 - x0, y1 - y0]
  const length2 = dx * dx + dy * dy
  for (let y = top; y <= bottom; y += 1) {
    for (let x = left; x <= right; x += 1) {
      const along = length2 === 0 ? 0 : Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) / length2))
      const distance = Math.hypot(x - x0 - along * dx, y - y0 - along * dy)
      const ink = Math.min(1, Math.max(0, radius + 0.5 - distance))
      const place = y * BOARD + x
      if (ink > (board[place] ?? 0)) board[place] = ink
    }
  }
}

interface Window {
  left: number
  top: number
  /** Width and height of the window in cells. */
  width: number
  height: number
}

/**
 * The drawing in ``height`` by ``width`` cells, each the mean of what it covers, from 0 to 1. With ``filled`` the ink is
 * centred and scaled so that it fills this share of the picture; null: it stays where and as it was drawn.
 */
export function downsample(board: Board, height: number, width: number, filled: number | null): number[] {
  const whole = { left: 0, top: 0, width: BOARD, height: BOARD }
  const seen = (filled !== null && inkWindow(board, filled)) || whole
  const values: number[] = []
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1) {
      values.push(
        meanOf(
          board,
          seen.left + (column * seen.width) / width,
          seen.top + (row * seen.height) / height,
          seen.width / width,
          seen.height / height,
        ),
      )
    }
  }
  return values
}

/** The window on the board within which the ink fills the share ``filled`` of the width or the height. */
function inkWindow(board: Board, filled: number): Window | null {
  let [left, right, top, bottom] = [BOARD, -1, BOARD, -1]
  for (let y = 0; y < BOARD; y += 1) {
    for (let x = 0; x < BOARD; x += 1) {
      if ((board[y * BOARD + x] ?? 0) > 0) {
        left = Math.min(left, x)
        right = Math.max(right, x)
        top = Math.min(top, y)
        bottom = Math.max(bottom, y)
      }
    }
  }
  if (right < 0) return null
  const side = Math.max(right - left + 1, bottom - top + 1) / filled
  return { left: (left + right + 1 - side) / 2, top: (top + bottom + 1 - side) / 2, width: side, height: side }
}

/** Mean ink of a rectangle that may reach over the board's edge, cells cut by its border counted in part. */
function meanOf(board: Board, left: number, top: number, width: number, height: number): number {
  let sum = 0
  for (let y = Math.max(0, Math.floor(top)); y < Math.min(BOARD, top + height); y += 1) {
    const tall = Math.min(y + 1, top + height) - Math.max(y, top)
    for (let x = Math.max(0, Math.floor(left)); x < Math.min(BOARD, left + width); x += 1) {
      sum += (board[y * BOARD + x] ?? 0) * tall * (Math.min(x + 1, left + width) - Math.max(x, left))
    }
  }
  return Math.min(1, sum / (width * height))
}

/** The range of values that a model was trained on: paper has the value ``least``, full ink ``greatest``. */
export interface ValueRange {
  least: number
  greatest: number
}

/** The share to fill when no samples tell: 20 of 28 cells as in MNIST, and all of a small picture. */
export function usualFilled(height: number, width: number): number {
  return Math.min(height, width) >= 16 ? 20 / 28 : 1
}

/** Values further from the paper than this share of the range count as ink; fainter ones are soft edges. */
const INK = 0.25

/**
 * The share of the picture that real samples fill, horizontally or vertically, from 0 to 1. It is the median, so that a
 * few odd samples do not matter. Null when no sample is a picture with ink.
 */
export function filledOfSamples(
  samples: readonly { values: readonly (number | string | null)[] }[],
  shape: readonly number[],
  { least, greatest }: ValueRange,
): number | null {
  const layout = imageLayout(shape)
  if (!layout) return null
  const shares = samples.flatMap(({ values }) => {
    const { height, width } = layout
    let [left, right, top, bottom] = [width, -1, height, -1]
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        const value = Number(values[y * layout.row + x * layout.pixel] ?? least)
        if ((value - least) / (greatest - least) < INK) continue
        left = Math.min(left, x)
        right = Math.max(right, x)
        top = Math.min(top, y)
        bottom = Math.max(bottom, y)
      }
    }
    return right < 0 ? [] : [Math.max((right - left + 1) / width, (bottom - top + 1) / height)]
  })
  return shares.sort((a, b) => a - b)[Math.floor(shares.length / 2)] ?? null
}

/** The range that a type alone suggests: 0..255 for bytes, 0..1 for all others. */
export function rangeOfType(dtype: string): ValueRange {
  return { least: 0, greatest: dtype === 'uint8' ? 255 : 1 }
}

/** The range of real samples; null when they hold no values. */
export function rangeOfSamples(samples: readonly { values: readonly (number | string | null)[] }[]): ValueRange | null {
  let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const sample of samples) {
    for (const value of sample.values) {
      if (value === null) continue
      least = Math.min(least, Number(value))
      greatest = Math.max(greatest, Number(value))
    }
  }
  return greatest > least ? { least, greatest } : null
}

/**
 * Converts ink (0..1 per pixel) to the values of a sample of ``shape``: scaled, rounded for whole types, repeated per
 * channel.
 */
export function inkToValues(
  ink: readonly number[],
  shape: readonly number[],
  dtype: string,
  { least, greatest }: ValueRange,
): number[] {
  const whole = /^u?int/.test(dtype)
  const pixels = ink.map((shade) => {
    const value = least + shade * (greatest - least)
    return whole ? Math.round(value) : Number(value.toFixed(5))
  })
  const layout = imageLayout(shape)
  if (layout === null || layout.channels === 1) return pixels
  if (layout.channel === 1) return pixels.flatMap((value) => [value, value, value])
  return [...pixels, ...pixels, ...pixels]
}

/**
 * The shape to draw in: that of the format, otherwise that of the model. A flat shape counts if it is a square. Null if
 * neither is an image.
 */
export function drawableShape(
  declared: readonly number[] | null,
  modelInput: readonly (number | null)[] | null,
): number[] | null {
  const known = modelInput?.every((size) => size !== null) ? (modelInput as readonly number[]) : null
  const size = (shape: readonly number[]) => shape.reduce((product, length) => product * length, 1)
  for (const shape of [declared, known]) {
    // When the model's input and the stream's samples differ in size, the model does not say how to draw the samples.
    if (shape && (!declared || size(shape) === size(declared)) && imageLayout(shape)) return [...shape]
  }
  const flat = declared ?? known
  const side = flat?.length === 1 ? Math.sqrt(flat[0] ?? 0) : 0
  return Number.isInteger(side) && side >= 8 && imageLayout([side, side]) ? [side, side] : null
}
