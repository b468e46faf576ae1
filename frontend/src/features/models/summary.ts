/** Reads the layers of a model from the summary of its framework; null when the summary is not understood. */

export interface Layer {
  name: string
  type: string
  /** The output shape as the framework writes it, such as '(None, 10)'; null when the code does not determine it. */
  shape: string | null
  parameters: number
  /** Names of the layers that feed it, when they are not simply the ones before. */
  from: string | null
}

export function layersOf(summary: string): Layer[] | null {
  const layers = summary.includes('│') ? kerasLayers(summary) : torchLayers(summary)
  return layers.length > 0 ? layers : null
}

/** Reads the rows of Keras' table; a long cell continues on the next line. */
function kerasLayers(summary: string): Layer[] {
  const rows: string[][] = []
  let begun = false
  for (const line of summary.split('\n')) {
    if (!line.startsWith('│')) {
      begun = false
      continue
    }
    const cells = line
      .split('│')
      .slice(1, -1)
      .map((cell) => cell.trim())
    const last = rows.at(-1)
    if (begun && last) rows[rows.length - 1] = last.map((cell, index) => cell + (cells[index] ?? ''))
    else rows.push(cells)
    begun = true
  }
  return rows.flatMap((cells) => {
    const [named = '', shape = '', count = '', from] = cells
    const parts = /^(.*?)\s*\(([^()]*)\)?$/.exec(named)
    const parameters = numberOf(count)
    if (parameters === null) return []
    return [
      {
        name: parts?.[1] || named,
        type: parts?.[2] || '',
        shape: shape || null,
        parameters,
        from: from && from !== '-' ? from : null,
      },
    ]
  })
}

/** Reads the lines of a PyTorch report under 'Layer  Type  Output shape  Parameters'. Older reports have no shapes. */
function torchLayers(summary: string): Layer[] {
  const lines = summary.split('\n')
  const head = lines.findIndex((line) => /^Layer\s+Type\s+(Output shape\s+)?Parameters$/.test(line))
  if (head < 0) return []
  const typeAt = (lines[head] ?? '').indexOf('Type')
  const shapeAt = (lines[head] ?? '').indexOf('Output shape')
  const layers: Layer[] = []
  for (const line of lines.slice(head + 2)) {
    const rest = /^(.*\S)\s+([\d,]+)$/.exec(line.slice(typeAt))
    const parameters = numberOf(rest?.[2] ?? '')
    if (!rest || parameters === null || line.startsWith('Total parameters')) continue
    const [type, shape] =
      shapeAt < 0
        ? [rest[1] ?? '', null]
        : [
            line.slice(typeAt, shapeAt).trim(),
            (rest[1] ?? '')
              .slice(shapeAt - typeAt)
              .trim()
              .replace(/^\?$/, '') || null,
          ]
    layers.push({ name: line.slice(0, typeAt).trim(), type, shape, parameters, from: null })
  }
  return layers
}

/** The number in a cell: '4,160' -> 4160, '0 (unbuilt)' -> 0; null for a text that is not a count. */
function numberOf(text: string): number | null {
  const digits = /^[\d,]+/.exec(text)?.[0]
  return digits === undefined ? null : Number(digits.replaceAll(',', ''))
}

/** A shape without its batch axis: '(None, 8, 8)' -> '8 × 8'. */
export function shapeText(shape: string): string {
  const sizes = shape
    .replace(/^[[(]+|[\])]+$/g, '')
    .split(',')
    .map((size) => size.trim())
    .filter(Boolean)
  // A cell with several shapes is left as it is.
  if (/\).*\(/.test(shape) || sizes.length === 0) return shape
  return sizes
    .slice(1)
    .map((size) => (size === 'None' ? 'any' : size))
    .join(' × ')
}
