/** What is wrong with what the builder holds, found at the field that says it. */
import type { ContractProblem } from '~/lib/api'
import type { Problem } from '~/lib/problem'
import type { BuilderValues } from './values'

export interface FormProblem {
  message: string
  hint: string
  /** The expression that it is about, and where in it, in code points. */
  text?: string
  start?: number
  end?: number
  /** Names that may be used, and those that were meant, perhaps. */
  known?: readonly string[]
  meant?: readonly string[]
}

/** By place: ``columns.7.expression``, where 7 is the id of a column; ``window.length``, ``slice.topic``, ``name``. */
export type FormProblems = ReadonlyMap<string, readonly FormProblem[]>

export const NO_PROBLEMS: FormProblems = new Map()

/** What a preview said of ``values``, from which it was asked. */
export function ofPreview(problems: readonly ContractProblem[], values: BuilderValues): FormProblems {
  return grouped(
    problems.map((problem) => {
      const place = placeOf(problem.place, values)
      const text = expressionAt(place, values)
      return [
        place,
        {
          message: problem.message,
          hint: problem.hint,
          known: problem.known,
          meant: problem.meant,
          ...(text !== undefined && problem.start !== null && problem.end !== null
            ? { text, start: problem.start, end: problem.end }
            : {}),
        },
      ]
    }),
  )
}

/** What was refused when ``values`` were sent. */
export function ofRefusal(problem: Problem, values: BuilderValues): FormProblems {
  return grouped(
    problem.fields.map(({ field, detail, hint }) => [
      placeOf(field.replace(/^contract\./, ''), values),
      { message: detail, hint: hint ?? '' },
    ]),
  )
}

/** All of them, those of ``first`` before those of ``second``; what both say is said once. */
export function both(first: FormProblems, second: FormProblems): FormProblems {
  const all = new Map(first)
  for (const [place, problems] of second) {
    const known = all.get(place) ?? []
    const said = new Set(known.map((problem) => problem.message))
    all.set(place, [...known, ...problems.filter((problem) => !said.has(problem.message))])
  }
  return all
}

/** Those that none of ``shown`` fields says: of a place, or of anything in it. */
export function elsewhere(problems: FormProblems, shown: (place: string) => boolean): [string, FormProblem][] {
  return [...problems].flatMap(([place, list]) =>
    shown(place) ? [] : list.map((problem) => [place, problem] as [string, FormProblem]),
  )
}

/** One line for a field of Mantine's; nothing where nothing is wrong. */
export function textOf(problems: readonly FormProblem[] | undefined): string | undefined {
  if (!problems?.length) return undefined
  return problems.map(({ message, hint }) => (hint ? `${message} (${hint})` : message)).join('; ')
}

/** Numbers of a list become ids, which stay when something before them is removed. */
function placeOf(place: string, values: BuilderValues): string {
  const [list, number, ...rest] = place.split('.')
  if (list !== 'columns' && list !== 'labels') return place
  const id = values[list][Number(number)]?.id
  return id === undefined ? place : [list, id, ...rest].join('.')
}

function expressionAt(place: string, values: BuilderValues): string | undefined {
  const [list, id, what] = place.split('.')
  if ((list !== 'columns' && list !== 'labels') || what !== 'expression') return undefined
  return values[list].find((value) => String(value.id) === id)?.expression
}

function grouped(pairs: readonly (readonly [string, FormProblem])[]): FormProblems {
  const found = new Map<string, FormProblem[]>()
  for (const [place, problem] of pairs) found.set(place, [...(found.get(place) ?? []), problem])
  return found
}

export interface MarkedText {
  before: string
  marked: string
  after: string
}

/** The text with the marked part apart; the API counts code points, JavaScript's texts have two units for some. */
export function markedText({ text, start, end }: FormProblem): MarkedText | null {
  if (text === undefined || start === undefined || end === undefined) return null
  const points = [...text]
  return {
    before: points.slice(0, start).join(''),
    marked: points.slice(start, end).join(''),
    after: points.slice(end).join(''),
  }
}

/** The expression with ``meant`` in the place of the marked text. */
export function corrected(problem: FormProblem, meant: string): string | null {
  const marked = markedText(problem)
  return marked && `${marked.before}${meant}${marked.after}`
}
