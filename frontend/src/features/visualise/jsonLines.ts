/** Parses JSON and finds the line of every value, so that a problem can be marked at its place. */
import { type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser'

export interface Parsed {
  value: unknown
  /** The line (from 1) of the value at a dotted path, or of the nearest value around it. */
  lineOf: (path: string) => number
}

export interface SyntaxProblem {
  error: { message: string; line: number }
}

const MESSAGES: Readonly<Record<string, string>> = {
  ColonExpected: 'a colon is missing after the name',
  CommaExpected: 'a comma is missing before this',
  EndOfFileExpected: 'unexpected text after the end',
  PropertyNameExpected: 'expected a name in double quotes',
}

export function parseWithLines(text: string): Parsed | SyntaxProblem {
  const lineAt = (offset: number) => text.slice(0, offset).split('\n').length
  const failed = (message: string, offset: number) => ({ error: { message, line: lineAt(offset) } })
  const errors: ParseError[] = []
  let tree: Node | undefined
  try {
    tree = parseTree(text, errors, { disallowComments: true })
  } catch {
    // The parser recurses, so deep nesting overflows its stack.
    return failed('nested too deeply', 0)
  }
  const [error] = errors
  if (error !== undefined) {
    const { error: code, offset, length } = error
    if (text.slice(offset).trim() === '') return failed('ends too early', offset)
    const name = printParseErrorCode(code)
    const found = name === 'ValueExpected' ? `expected a value, found ${text[offset]}` : undefined
    const token = text.slice(offset, offset + Math.min(length, 30))
    return failed(MESSAGES[name] ?? found ?? `${token} is not a JSON value`, offset)
  }
  if (tree === undefined) return failed('ends too early', text.length)
  const offsets = new Map<string, number>()
  const twice = noteOffsets(tree, [], offsets)
  if (twice !== undefined) return failed(`${JSON.stringify(twice.value)} appears twice`, twice.offset)
  return {
    value: JSON.parse(text),
    lineOf: (path) => {
      const parts = path.split('.')
      while (parts.length > 0 && !offsets.has(parts.join('.'))) parts.pop()
      return parts.length > 0 ? lineAt(offsets.get(parts.join('.')) ?? 0) : 1
    },
  }
}

/** Record where each value below `node` begins, by dotted path. Returns a duplicate name of an object, if any. */
function noteOffsets(node: Node, path: readonly string[], offsets: Map<string, number>): Node | undefined {
  const names = new Set<string>()
  for (const [index, child] of (node.children ?? []).entries()) {
    const [name, value = child] = child.type === 'property' ? (child.children ?? []) : []
    if (name !== undefined && names.has(name.value)) return name
    names.add(name?.value)
    const below = [...path, String(name?.value ?? index)]
    offsets.set(below.join('.'), value.offset)
    const twice = noteOffsets(value, below, offsets)
    if (twice !== undefined) return twice
  }
  return undefined
}
