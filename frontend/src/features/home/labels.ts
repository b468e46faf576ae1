/** Places the numbers at the lines, clear of lines, boxes and other numbers. Pure. */

export interface Point {
  x: number
  y: number
}

export interface Place extends Point {
  anchor: 'start' | 'end'
}

export interface Rect {
  left: number
  top: number
  right: number
  bottom: number
}

export interface Wanted {
  /** The points of the line as drawn. A label may not cover the line that it belongs to either. */
  points: readonly Point[]
  width: number
  /** The text of the number; '' for none. */
  text: string
  /** Possible places, the best first. */
  places: readonly Place[]
}

// Width in pixels of a digit or small letter at 11.5 px, rounded up.
const CHARACTER = 6.6
const ASCENT = 10
const DESCENT = 3
const CELL = 48
// More rows of cells than any picture has.
const ROWS = 1_000_000

/** The rectangle that a text covers at a place. */
export function rectOf(text: string, { x, y, anchor }: Place): Rect {
  const width = text.length * CHARACTER
  const left = anchor === 'start' ? x : x - width
  return { left, top: y - ASCENT, right: left + width, bottom: y + DESCENT }
}

/** Return the first free place of each wanted number; null when none is free or there is no text. */
export function placeLabels(wanted: readonly Wanted[], boxes: readonly Rect[]): (Place | null)[] {
  const taken = new Grid()
  for (const box of boxes) taken.add(box, (rect) => overlap(rect, box))
  for (const { points, width } of wanted) {
    for (let index = 1; index < points.length; index += 1) {
      const from = points[index - 1] as Point
      const to = points[index] as Point
      const margin = width / 2
      const around = {
        left: Math.min(from.x, to.x) - margin,
        top: Math.min(from.y, to.y) - margin,
        right: Math.max(from.x, to.x) + margin,
        bottom: Math.max(from.y, to.y) + margin,
      }
      taken.add(around, (rect) => crosses(grown(rect, margin), from, to))
    }
  }
  return wanted.map(({ text, places }) => {
    if (text === '') return null
    const place = places.find((candidate) => !taken.holds(rectOf(text, candidate)))
    if (place === undefined) return null
    const rect = rectOf(text, place)
    taken.add(rect, (other) => overlap(other, rect))
    return place
  })
}

type Touches = (rect: Rect) => boolean

/** A spatial index of rectangles, so that a thousand lines need not be compared one by one. */
class Grid {
  private readonly cells = new Map<number, Touches[]>()

  add(around: Rect, touches: Touches): void {
    visitCells(around, (cell) => {
      const there = this.cells.get(cell)
      if (there) there.push(touches)
      else this.cells.set(cell, [touches])
      return false
    })
  }

  holds(rect: Rect): boolean {
    return visitCells(rect, (cell) => this.cells.get(cell)?.some((touches) => touches(rect)) ?? false)
  }
}

/** Visit the cells that a rectangle touches until ``visit`` returns true; returns whether it did. */
function visitCells({ left, top, right, bottom }: Rect, visit: (cell: number) => boolean): boolean {
  for (let x = Math.floor(left / CELL); x <= Math.floor(right / CELL); x += 1)
    for (let y = Math.floor(top / CELL); y <= Math.floor(bottom / CELL); y += 1) if (visit(x * ROWS + y)) return true
  return false
}

function grown({ left, top, right, bottom }: Rect, by: number): Rect {
  return { left: left - by, top: top - by, right: right + by, bottom: bottom + by }
}

function overlap(a: Rect, b: Rect): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
}

/** Whether a segment passes through a rectangle (Liang and Barsky 1984). */
function crosses({ left, top, right, bottom }: Rect, from: Point, to: Point): boolean {
  const dx = to.x - from.x
  const dy = to.y - from.y
  // The segment is inside the rectangle where its horizontal and vertical stretches inside overlap.
  const across = inside(from.x, dx, left, right)
  const along = inside(from.y, dy, top, bottom)
  return Math.max(across[0], along[0], 0) < Math.min(across[1], along[1], 1)
}

/** The stretch of a step that lies between two bounds, as fractions of the step. */
function inside(start: number, step: number, least: number, most: number): readonly [number, number] {
  if (step === 0) return start > least && start < most ? EVERYWHERE : NOWHERE
  const [one, other] = [(least - start) / step, (most - start) / step]
  return one < other ? [one, other] : [other, one]
}

const EVERYWHERE = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] as const
const NOWHERE = [1, 0] as const

/** A cubic Bézier curve as points, including both ends. */
export function curve(from: Point, one: Point, two: Point, to: Point, steps = 14): Point[] {
  return Array.from({ length: steps + 1 }, (_, index) => {
    const t = index / steps
    const [a, b, c, d] = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t ** 2 * (1 - t), t ** 3]
    return { x: a * from.x + b * one.x + c * two.x + d * to.x, y: a * from.y + b * one.y + c * two.y + d * to.y }
  })
}
