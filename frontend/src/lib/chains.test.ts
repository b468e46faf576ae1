import { expect, it } from 'vitest'
import { chainsOf } from './chains'

const part = (id: number, upper_model: number | null) => ({ id, upper_model })
const ids = (chains: { id: number }[][]) => chains.map((chain) => chain.map(({ id }) => id))

it('goes from the edge to the cloud', () => {
  expect(ids(chainsOf([part(1, null), part(2, 1), part(3, 2)]))).toEqual([[3, 2, 1]])
})

it('has one chain per edge, and ends where a part is not known', () => {
  expect(ids(chainsOf([part(1, null), part(2, 1), part(3, 1), part(4, 99)]))).toEqual([[2, 1], [3, 1], [4]])
})
