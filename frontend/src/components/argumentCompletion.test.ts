import { describe, expect, it } from 'vitest'
import { type AcceptedArgument, complete, completionAt, splitArguments, writtenArguments } from './argumentCompletion'

const ACCEPTED: AcceptedArgument[] = [
  { name: 'epochs', meaning: 'how often', expected: 'a whole number of at least 1', default: '1' },
  { name: 'shuffle', meaning: 'mix', expected: "True, False or 'batch'", default: 'True' },
  { name: 'steps_per_epoch', meaning: 'batches', expected: 'a whole number, or None', default: 'None' },
  { name: 'class_weight', meaning: 'weights', expected: 'a weight for each class number', default: 'None' },
]

function labels(text: string, caret = text.length): string[] {
  return completionAt(text, caret, ACCEPTED).options.map((option) => option.label)
}

describe('splitArguments', () => {
  it('splits at commas outside brackets and quotes only', () => {
    const text = "a={0: 1, 1: 2}, b='x, y', c=[1, 2]"
    expect(splitArguments(text).map(({ start, end }) => text.slice(start, end).trim())).toEqual([
      'a={0: 1, 1: 2}',
      "b='x, y'",
      'c=[1, 2]',
    ])
  })

  it('reads names and values as they are written', () => {
    expect(writtenArguments('epochs = 5, class_weight={0: 1.0}, nonsense')).toEqual({
      epochs: '5',
      class_weight: '{0: 1.0}',
    })
  })
})

describe('completionAt', () => {
  it('offers everything for an empty field', () => {
    expect(labels('')).toEqual(['epochs', 'shuffle', 'steps_per_epoch', 'class_weight'])
  })

  it('puts what begins with the typed before what holds it', () => {
    expect(labels('ep')).toEqual(['epochs', 'steps_per_epoch'])
  })

  it('leaves out what is given already', () => {
    expect(labels('epochs=5, ')).toEqual(['shuffle', 'steps_per_epoch', 'class_weight'])
  })

  it('does not take a comma inside a value for the next argument', () => {
    expect(completionAt('class_weight={0: 1, ', 20, ACCEPTED).argument?.name).toBe('class_weight')
  })

  it('offers the words that a value can be', () => {
    expect(labels('shuffle=')).toEqual(['True', 'False', "'batch'"])
    expect(labels('shuffle=F')).toEqual(['False'])
    expect(labels('epochs=')).toEqual([])
  })

  it('completes the argument at the caret, not the last one', () => {
    expect(labels('sh, epochs=1', 2)).toEqual(['shuffle'])
  })
})

describe('complete', () => {
  it('writes the default and selects it', () => {
    const place = completionAt('epochs=5,s', 10, ACCEPTED)
    const shuffle = place.options[0]
    expect(shuffle && complete('epochs=5,s', place, shuffle)).toEqual({
      text: 'epochs=5, shuffle=True',
      selectFrom: 18,
      selectTo: 22,
    })
  })

  it('keeps what stands behind', () => {
    const place = completionAt('sh, epochs=1', 2, ACCEPTED)
    const shuffle = place.options[0]
    expect(shuffle && complete('sh, epochs=1', place, shuffle).text).toBe('shuffle=True, epochs=1')
  })

  it('replaces a name without touching its value', () => {
    const place = completionAt('epoch=5', 5, ACCEPTED)
    const epochs = place.options[0]
    expect(epochs && complete('epoch=5', place, epochs).text).toBe('epochs=5')
  })
})
