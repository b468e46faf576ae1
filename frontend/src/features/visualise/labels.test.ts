import { describe, expect, it } from 'vitest'
import { namingOf, suggestedConfig } from './labels'

describe('names and colours', () => {
  it('come from the configuration, and exist without one', () => {
    const naming = namingOf({ type: 'classification', labels: [{ id: 1, label: 'One', color: '#ff8c00' }] }, 'light')
    expect([naming.nameOf(1), naming.colorOf(1)]).toEqual(['One', '#ff8c00'])
    expect(naming.nameOf(7)).toBe('Class 7')
    expect(namingOf({ type: 'regression', labels: [] }, 'dark').nameOf(2)).toBe('Output 2')
    const one = namingOf({ type: 'regression', labels: [{ id: 0, label: 'a', color: '#c04f00' }] }, 'light')
    expect(one.colorOf(1)).not.toBe(one.colorOf(0))
    expect(namingOf(null, 'dark').colorOf(2)).toMatch(/^#/)
    // The training names the classes, perhaps only by numbers.
    const trained = namingOf(null, 'dark', ['ok', '1'])
    expect([0, 1, 2].map(trained.nameOf)).toEqual(['ok', 'Class 1', 'Class 2'])
  })
})

describe('a suggestion', () => {
  it('takes the classes of the training', () => {
    const { labels } = suggestedConfig(['cat', '1', '2.0'], 5, 'classification')
    expect(labels.map((label) => label.label)).toEqual(['cat', 'Class 1', 'Class 2'])
    expect(new Set(labels.map((label) => label.color)).size).toBe(3)
  })

  it('or as many as there are outputs', () => {
    expect(suggestedConfig([], 2, 'regression').labels.map((label) => label.label)).toEqual(['Output 0', 'Output 1'])
    expect(suggestedConfig([], 0, 'classification').labels).toEqual([])
  })
})
