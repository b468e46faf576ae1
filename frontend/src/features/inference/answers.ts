/** Reads the answer of a model as classes with probabilities, or as plain numbers. */

export interface Class {
  index: number
  label: string
  /** The value as the model gave it. */
  value: number
  /** The probability, from 0 to 1. */
  share: number
}

/** The most characters shown of an answer. */
const MAX_TEXT = 10_000

export type Reading =
  /** ``softmax``: whether the model gave scores that were turned into probabilities here. */
  | { kind: 'classes'; classes: Class[]; best: Class; softmax: boolean }
  | { kind: 'numbers'; numbers: { label: string; value: number | null }[] }
  | { kind: 'other'; text: string }

/** Read the ``values`` of an answer. Labels, or numbers that sum to one, mean a choice between classes. */
export function readAnswer(values: unknown, labels: readonly string[] | null): Reading {
  if (!Array.isArray(values) || !values.every((value) => value === null || typeof value === 'number')) {
    const text = JSON.stringify(values) ?? ''
    return { kind: 'other', text: text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)} …` : text }
  }
  const numbers = values as (number | null)[]
  const name = (index: number) => labels?.[index] ?? String(index)
  if (numbers.length > 1 && numbers.every((value): value is number => value !== null)) {
    const probabilities = areProbabilities(numbers)
    if (probabilities || (labels && labels.length === numbers.length)) {
      const shares = probabilities ? numbers : softmax(numbers)
      const classes = numbers.map((value, index) => ({ index, label: name(index), value, share: shares[index] ?? 0 }))
      const best = classes.reduce((top, candidate) => (candidate.share > top.share ? candidate : top))
      return { kind: 'classes', classes, best, softmax: !probabilities }
    }
  }
  return {
    kind: 'numbers',
    numbers: numbers.map((value, index) => ({ label: numbers.length === 1 ? ofOne(labels) : name(index), value })),
  }
}

/** One number for two classes is the probability or the score of the second class. */
function ofOne(labels: readonly string[] | null): string {
  if (labels?.length === 2) return `from ${labels[0]} (low) to ${labels[1]} (high)`
  return labels?.[0] ?? 'value'
}

function areProbabilities(numbers: readonly number[]): boolean {
  const sum = numbers.reduce((total, value) => total + value, 0)
  return numbers.every((value) => value >= -1e-6 && value <= 1 + 1e-6) && Math.abs(sum - 1) < 0.01
}

export function softmax(scores: readonly number[]): number[] {
  const most = Math.max(...scores)
  const powers = scores.map((score) => Math.exp(score - most))
  const sum = powers.reduce((total, power) => total + power, 0)
  return powers.map((power) => power / sum)
}

/** The prediction in a few words, for the list of tries. */
export function shortAnswer(reading: Reading): string {
  switch (reading.kind) {
    case 'classes':
      return `${reading.best.label} (${(reading.best.share * 100).toFixed(1)}%)`
    case 'numbers':
      return reading.numbers
        .slice(0, 4)
        .map((output) => (output.value === null ? 'not a number' : Number(output.value.toPrecision(4))))
        .join(', ')
    case 'other':
      return reading.text.slice(0, 60)
  }
}
