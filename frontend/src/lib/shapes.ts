/** Shapes of tensors as models report them, and which shapes fit which. */
import type { TensorSpec } from '~/lib/api'

type Sizes = readonly (number | null)[]

/** Whether samples may have both shapes. Many models flatten their input, and free sizes fit anything. */
export function mayBeSame(one: TensorSpec['shape'], other: TensorSpec['shape']): boolean {
  const [a, b] = [one.slice(1), other.slice(1)]
  if ([...a, ...b].every((size) => size !== null)) return product(a) === product(b)
  if (a.length !== b.length) return true
  return a.every((size, axis) => size === null || b[axis] === null || size === b[axis])
}

/** The number of values in one sample; null when a size is free. The first axis is the batch axis. */
export function numbersOf(shape: TensorSpec['shape']): number | null {
  const sizes = shape.slice(1)
  return sizes.includes(null) ? null : product(sizes)
}

function product(sizes: Sizes): number {
  return sizes.reduce<number>((total, size) => total * (size ?? 1), 1)
}
