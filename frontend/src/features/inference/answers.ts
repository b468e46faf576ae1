/** What a model answered, as something to show: classes with probabilities, or plain numbers. */

export interface Class {
  index: number
  label: string
  /** What the model said. */
  value: number
  /** From 0 to 1. */
  share: number
}

/** Nested answers are shown by their beginning. */
const MAX_TEXT = 10_000

export type Reading =
  /** ``softmax``: the model gave scores, which were turned into probabilities here. */
  | { kind: 'classes'; classes: Class[]; best: Class; softmax: boolean }
  | { kind: 'numbers'; numbers: { label: string; value: number | null }[] }
  | { kind: 'other'; text: string }

/** Read ``values`` of an answer. Labels, or numbers that sum up to one, make it a choice between classes. */
export function readAnswer(values: unknown, labels: readonly string[] | null): Reading {
  if (!Array.isArray(values) || !values.every((each) => each === null || typeof each === 'number')) {
    const text = JSON.stringify(values) ?? ''
    return { kind: 'other', text: text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)} …` : text }
  }
  const numbers = values as (number | null)[]
  const name = (index: number) => labels?.[index] ?? String(index)
  if (numbers.length > 1 && numbers.every((each): each is number => each !== null)) {
    const probabilities = areProbabilities(numbers)
    if (probabilities || (labels && labels.length === numbers.length)) {
      const shares = probabilities ? numbers : softmax(numbers)
      const classes = numbers.map((value, index) => ({ index, label: name(index), value, share: shares[index] ?? 0 }))
      const best = classes.reduce((top, each) => (each.share > top.share ? each : top))
      return { kind: 'classes', classes, best, softmax: !probabilities }
    }
  }
  return {
    kind: 'numbers',
    numbers: numbers.map((value, index) => ({ label: numbers.length === 1 ? ofOne(labels) : name(index), value })),
  }
}

/** One number for two classes says how much it is the second one, as a probability or as a score. */
function ofOne(labels: readonly string[] | null): string {
  if (labels?.length === 2) return `from ${labels[0]} (low) to ${labels[1]} (high)`
  return labels?.[0] ?? 'value'
}

function areProbabilities(numbers: readonly number[]): boolean {
  const sum = numbers.reduce((total, each) => total + each, 0)
  return numbers.every((each) => each >= -1e-6 && each <= 1 + 1e-6) && Math.abs(sum - 1) < 0.01
}

export function softmax(scores: readonly number[]): number[] {
  const most = Math.max(...scores)
  const powers = scores.map((score) => Math.exp(score - most))
  const sum = powers.reduce((total, each) => total + each, 0)
  return powers.map((power) => power / sum)
}

/** The answer in a few words, for a list of tries. */
export function shortAnswer(reading: Reading): string {
  switch (reading.kind) {
    case 'classes':
      return `${reading.best.label} (${(reading.best.share * 100).toFixed(1)}%)`
    case 'numbers':
      return reading.numbers
        .slice(0, 4)
        .map((each) => (each.value === null ? 'not a number' : Number(each.value.toPrecision(4))))
        .join(', ')
    case 'other':
      return reading.text.slice(0, 60)
  }
}
