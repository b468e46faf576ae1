/** Completion of ``epochs=5, shuffle=True``: which argument the caret is in, and what fits there. */

/** An accepted argument as the API describes it; ``default`` is its source text. */
export interface AcceptedArgument {
  name: string
  meaning: string
  expected: string
  default: string
}

export interface Completion {
  /** The text that replaces ``start`` to ``end``. */
  insert: string
  label: string
  detail: string
}

export interface CompletionPlace {
  start: number
  end: number
  options: Completion[]
  /** The argument whose value is being typed. */
  argument: AcceptedArgument | undefined
}

interface Part {
  start: number
  end: number
}

/** Splits at the commas that stand neither in brackets nor in quotes. */
export function splitArguments(text: string): Part[] {
  const parts: Part[] = []
  let start = 0
  let depth = 0
  let quote = ''
  for (let index = 0; index < text.length; index += 1) {
    const letter = text.charAt(index)
    if (quote) {
      if (letter === '\\') index += 1
      else if (letter === quote) quote = ''
    } else if (letter === '"' || letter === "'") quote = letter
    else if ('([{'.includes(letter)) depth += 1
    else if (')]}'.includes(letter)) depth -= 1
    else if (letter === ',' && depth <= 0) {
      parts.push({ start, end: index })
      start = index + 1
    }
  }
  parts.push({ start, end: text.length })
  return parts
}

/** The arguments as written: ``{epochs: '5'}``. Parts without a name are left out. */
export function writtenArguments(text: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const { start, end } of splitArguments(text)) {
    const match = /^\s*(\w+)\s*=\s*(.*?)\s*$/s.exec(text.slice(start, end))
    if (match?.[1] !== undefined) found[match[1]] = match[2] ?? ''
  }
  return found
}

/** The defaults that an empty field stands for, limited to the arguments that ``example`` shows. */
export function emptyMeaning(example: string, accepted: readonly AcceptedArgument[]): string {
  return Object.keys(writtenArguments(example))
    .flatMap((name) => accepted.filter((argument) => argument.name === name))
    .map(({ name, meaning, default: usual }) => {
      const none = usual === 'None' ? /\bNone: ([^;]+)/.exec(meaning)?.[1] : undefined
      return `${name}=${usual}${none ? ` (${none})` : ''}`
    })
    .join(', ')
}

/** The completions at the caret. */
export function completionAt(text: string, caret: number, accepted: readonly AcceptedArgument[]): CompletionPlace {
  const part = splitArguments(text).find((argument) => caret >= argument.start && caret <= argument.end)
  const start = part?.start ?? 0
  const end = part?.end ?? text.length
  const written = text.slice(start, end)
  const equals = written.indexOf('=')
  const begin = start + (written.length - written.trimStart().length)
  if (equals >= 0 && caret > start + equals) {
    const argument = accepted.find((acceptedArgument) => acceptedArgument.name === written.slice(0, equals).trim())
    const valueStart = start + equals + 1
    return { start: valueStart, end, argument, options: valueOptions(argument, text.slice(valueStart, caret)) }
  }
  const typed = text.slice(begin, Math.max(begin, caret)).trim().toLowerCase()
  const used = writtenArguments(text.slice(0, start) + text.slice(end))
  const nameEnd = equals >= 0 ? start + equals + 1 : end
  const fits = accepted.filter((argument) => !(argument.name in used) && argument.name.includes(typed))
  const options = [
    ...fits.filter((fit) => fit.name.startsWith(typed)),
    ...fits.filter((fit) => !fit.name.startsWith(typed)),
  ]
  return {
    start: begin,
    end: nameEnd,
    argument: undefined,
    options: options.map((option) => ({
      insert: equals >= 0 ? `${option.name}=` : `${option.name}=${option.default}`,
      label: option.name,
      detail: option.meaning,
    })),
  }
}

/** Completions of a value: True, False, None and quoted texts. Numbers are left to the user. */
function valueOptions(argument: AcceptedArgument | undefined, typed: string): Completion[] {
  const words = argument?.expected.match(/\b(?:True|False|None)\b|'[^']*'/g) ?? []
  const begun = typed.trim().toLowerCase()
  return words
    .filter((word) => word.toLowerCase().startsWith(begun) && word.toLowerCase() !== begun)
    .map((word) => ({ insert: word, label: word, detail: word === argument?.default ? 'default' : '' }))
}

/** The text with ``completion`` inserted, and the part of it that the user is likely to change. */
export function complete(
  text: string,
  place: CompletionPlace,
  completion: Completion,
): { text: string; selectFrom: number; selectTo: number } {
  const space = place.start > 0 && text.charAt(place.start - 1) === ',' ? ' ' : ''
  const next = text.slice(0, place.start) + space + completion.insert + text.slice(place.end)
  const from = place.start + space.length + completion.insert.indexOf('=') + 1
  const to = place.start + space.length + completion.insert.length
  return { text: next, selectFrom: place.argument ? to : from, selectTo: to }
}
