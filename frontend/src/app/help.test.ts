import { describe, expect, it } from 'vitest'
import { helpAddress } from './help'

describe('the documentation of a page', () => {
  it('is that of its room', () => {
    expect(helpAddress('/datasets/7')).toBe('/docs/datasets/')
    expect(helpAddress('/results/3')).toBe(helpAddress('/training'))
  })
  it('is the first page where a page is in no room', () => {
    expect(helpAddress('/account')).toBe('/docs/')
    expect(helpAddress('/examples')).toBe('/docs/examples/')
  })
})
