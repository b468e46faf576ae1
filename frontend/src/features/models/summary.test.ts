import { describe, expect, it } from 'vitest'
import { layersOf, shapeText } from './summary'

const KERAS = `Model: "sequential"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓
┃ Layer (type)                      ┃ Output Shape             ┃       Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩
│ flatten (Flatten)                 │ (None, 784)              │             0 │
├───────────────────────────────────┼──────────────────────────┼───────────────┤
│ a_long_name                       │ (None, 128)              │       100,480 │
│ (Dense)                           │                          │               │
└───────────────────────────────────┴──────────────────────────┴───────────────┘
 Total params: 100,480`

const TORCH = `Net
Layer     Type                                                Parameters
------------------------------------------------------------------------
layers.0  Flatten(start_dim=1, end_dim=-1)                             0
layers.1  Linear(in_features=64, out_features=64, bias=True)       4,160
Total parameters: 4,160`

describe('layersOf', () => {
  it("reads Keras' table, also names that go over two lines", () => {
    expect(layersOf(KERAS)).toEqual([
      { name: 'flatten', type: 'Flatten', shape: '(None, 784)', parameters: 0, from: null },
      { name: 'a_long_name', type: 'Dense', shape: '(None, 128)', parameters: 100480, from: null },
    ])
  })

  it('reads the report of a PyTorch model', () => {
    expect(layersOf(TORCH)?.map(({ name, parameters }) => [name, parameters])).toEqual([
      ['layers.0', 0],
      ['layers.1', 4160],
    ])
    expect(layersOf(TORCH)?.[1]?.type).toBe('Linear(in_features=64, out_features=64, bias=True)')
  })

  it('reads the shapes that a PyTorch model has by its code', () => {
    const lines = [
      'Layer  Type                          Output shape  Parameters',
      '-------------------------------------------------------------',
      'net.0  Linear(6, 32)                 (None, 32)           224',
      'head   Odd()                         ?                      0',
    ]
    const found = layersOf(['Net', ...lines].join('\n'))
    expect(found?.map(({ name, type, shape, parameters }) => [name, type, shape, parameters])).toEqual([
      ['net.0', 'Linear(6, 32)', '(None, 32)', 224],
      ['head', 'Odd()', null, 0],
    ])
  })

  it('says so when there is nothing to read', () => {
    expect(layersOf('')).toBeNull()
    expect(layersOf('some text')).toBeNull()
  })
})

it('writes shapes without the batch', () => {
  expect(shapeText('(None, 8, 8)')).toBe('8 × 8')
  expect(shapeText('(None, None, 3)')).toBe('any × 3')
  expect(shapeText('?')).toBe('')
  expect(shapeText('[(None, 64), (None, 10)]')).toBe('[(None, 64), (None, 10)]')
})
