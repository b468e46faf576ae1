/** Numbers of a confusion matrix: rows are actual classes, columns predicted ones. */

export type Matrix = readonly (readonly number[])[]

export interface ClassStats {
  label: string
  /** Number of samples of this class. */
  support: number
  /** Each measure is null when undefined: no sample was predicted as the class, or no sample is of it. */
  precision: number | null
  recall: number | null
  f1: number | null
}

export interface MatrixStats {
  total: number
  correct: number
  accuracy: number | null
  /** Mean F1 of the classes that have samples. */
  macroF1: number | null
  classes: ClassStats[]
}

export function statsOf(matrix: Matrix, labels: readonly string[]): MatrixStats {
  const predicted = matrix.map((_, column) => matrix.reduce((sum, row) => sum + (row[column] ?? 0), 0))
  const classes = matrix.map((row, index): ClassStats => {
    const support = sumOf(row)
    const hit = row[index] ?? 0
    const precision = share(hit, predicted[index] ?? 0)
    const recall = share(hit, support)
    const f1 = share(2 * hit, support + (predicted[index] ?? 0))
    return { label: labels[index] ?? String(index), support, precision, recall, f1 }
  })
  const total = sumOf(classes.map((stats) => stats.support))
  const correct = sumOf(matrix.map((row, index) => row[index] ?? 0))
  const present = classes.filter((stats) => stats.support > 0)
  return {
    total,
    correct,
    accuracy: share(correct, total),
    macroF1: share(sumOf(present.map((stats) => stats.f1 ?? 0)), present.length),
    classes,
  }
}

/** The matrix with each row divided by its sum; a class without samples has zeros. */
export function normalised(matrix: Matrix): number[][] {
  return matrix.map((row) => {
    const total = sumOf(row)
    return row.map((count) => (total === 0 ? 0 : count / total))
  })
}

export interface Confusion {
  actual: number
  predicted: number
  count: number
}

/** The most frequent mistakes, at most ``limit``. */
export function worstConfusions(matrix: Matrix, limit: number): Confusion[] {
  return matrix
    .flatMap((row, actual) => row.map((count, predicted) => ({ actual, predicted, count })))
    .filter((cell) => cell.actual !== cell.predicted && cell.count > 0)
    .sort((a, b) => b.count - a.count)
    .slice(0, limit)
}

const PAPER = { light: [255, 255, 255], dark: [30, 33, 40] } as const
const FULL = {
  right: { light: [8, 72, 135], dark: [120, 196, 245] },
  wrong: { light: [168, 62, 0], dark: [245, 166, 96] },
} as const

/**
 * Colours of a cell for a share of its row, mistakes in another hue than hits: white or black ink, whichever reads
 * better (at least 4.5 to 1).
 */
export function cellColors(
  fraction: number,
  kind: keyof typeof FULL,
  scheme: 'light' | 'dark',
): { background: string; ink: string } {
  // The square root makes a few mistakes visible among many hits.
  const weight = Math.sqrt(Math.min(1, Math.max(0, fraction)))
  const full = FULL[kind][scheme]
  const rgb = PAPER[scheme].map((paper, index) => Math.round(paper + ((full[index] ?? paper) - paper) * weight))
  const [red = 0, green = 0, blue = 0] = rgb.map((value) => {
    const part = value / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
  return { background: `rgb(${rgb.join(', ')})`, ink: luminance > 0.179 ? '#000000' : '#ffffff' }
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}
