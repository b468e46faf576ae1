/** JSON with the line of every value, so that a problem can be marked where it is. */

export interface Parsed {
  value: unknown
  /** The line of the value at a dotted path, or of the nearest one around it; 1-based. */
  lineOf: (path: string) => number
}

export interface SyntaxProblem {
  error: { message: string; line: number }
}

/** Nesting that no configuration needs; protects the recursion. */
const MAX_DEPTH = 32

export function parseWithLines(text: string): Parsed | SyntaxProblem {
  const reader = new Reader(text)
  try {
    const value = reader.document()
    return {
      value,
      lineOf: (path) => {
        const parts = path.split('.')
        for (; parts.length > 0; parts.pop()) {
          const line = reader.lines.get(parts.join('.'))
          if (line !== undefined) return line
        }
        return 1
      },
    }
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    return { error: { message: error.message, line: reader.line(error.at) } }
  }
}

class Unreadable extends Error {
  constructor(
    message: string,
    readonly at: number,
  ) {
    super(message)
  }
}

class Reader {
  readonly lines = new Map<string, number>()
  private at = 0

  constructor(private readonly text: string) {}

  line(at: number): number {
    return this.text.slice(0, at).split('\n').length
  }

  document(): unknown {
    const value = this.value('', 0)
    this.space()
    if (this.at < this.text.length) this.fail('there is something after the end')
    return value
  }

  private value(path: string, depth: number): unknown {
    this.space()
    if (depth > MAX_DEPTH) this.fail('nested too deeply')
    if (path !== '') this.lines.set(path, this.line(this.at))
    const next = this.text[this.at]
    if (next === '{') return this.object(path, depth)
    if (next === '[') return this.list(path, depth)
    const scalar = /"(?:[^"\\\n]|\\.)*"|-?[0-9][0-9.eE+-]*|true|false|null/y
    scalar.lastIndex = this.at
    const token = scalar.exec(this.text)?.[0]
    if (token === undefined) this.fail(next === undefined ? 'ends too early' : `expected a value, found ${next}`)
    let value: unknown
    try {
      value = JSON.parse(token)
    } catch {
      this.fail(`${token.slice(0, 30)} is no JSON value`)
    }
    this.at += token.length
    return value
  }

  private object(path: string, depth: number): Record<string, unknown> {
    const entries: [string, unknown][] = []
    this.at += 1
    while (!this.takes('}')) {
      if (entries.length > 0) this.expect(',', 'a comma is missing before this')
      this.space()
      const from = this.at
      const name = this.text[from] === '"' ? this.value('', depth) : undefined
      if (typeof name !== 'string') this.fail('expected a name in double quotes')
      if (entries.some(([known]) => known === name))
        throw new Unreadable(`${JSON.stringify(name)} is there twice`, from)
      this.expect(':', 'a colon is missing after the name')
      entries.push([name, this.value(path === '' ? name : `${path}.${name}`, depth + 1)])
    }
    return Object.fromEntries(entries)
  }

  private list(path: string, depth: number): unknown[] {
    const values: unknown[] = []
    this.at += 1
    while (!this.takes(']')) {
      if (values.length > 0) this.expect(',', 'a comma is missing before this')
      values.push(this.value(`${path}.${values.length}`, depth + 1))
    }
    return values
  }

  private takes(mark: string): boolean {
    this.space()
    if (this.text[this.at] !== mark) return false
    this.at += 1
    return true
  }

  private expect(mark: string, message: string): void {
    if (!this.takes(mark)) this.fail(this.at >= this.text.length ? 'ends too early' : message)
  }

  private space(): void {
    while (/\s/.test(this.text[this.at] ?? '')) this.at += 1
  }

  private fail(message: string): never {
    throw new Unreadable(message, this.at)
  }
}
