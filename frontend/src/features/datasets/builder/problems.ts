/** Problems with the values in the builder, assigned to the fields that can show them. */
import type { ContractProblem } from '~/lib/api'
import type { Problem } from '~/lib/problem'
import type { BuilderValues } from './values'

export interface FormProblem {
  message: string
  hint: string
  /** The expression that the problem is about, and the range within it in code points. */
  text?: string
  start?: number
  end?: number
  /** The names that may be used, and the names that were perhaps meant. */
  known?: readonly string[]
  meant?: readonly string[]
}

/**
 * Problems by place: ``columns.7.expression``, where 7 is the id of a column; ``window.length``, ``slice.topic``,
 * ``name``.
 */
export type FormProblems = ReadonlyMap<string, readonly FormProblem[]>

export const NO_PROBLEMS: FormProblems = new Map()

/** The problems that a preview of ``values`` reported. */
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

/** The problems for which the API refused ``values``. */
export function ofRefusal(problem: Problem, values: BuilderValues): FormProblems {
  return grouped(
    problem.fields.map(({ field, detail, hint }) => [
      placeOf(field.replace(/^contract\./, ''), values),
      { message: detail, hint: hint ?? '' },
    ]),
  )
}

/** The problems of both, those of ``first`` first. A message that both contain appears once. */
export function both(first: FormProblems, second: FormProblems): FormProblems {
  const all = new Map(first)
  for (const [place, problems] of second) {
    const known = all.get(place) ?? []
    const said = new Set(known.map((problem) => problem.message))
    all.set(place, [...known, ...problems.filter((problem) => !said.has(problem.message))])
  }
  return all
}

/** The problems whose places no field shows. ``shown`` says whether a field shows a place or anything inside it. */
export function elsewhere(problems: FormProblems, shown: (place: string) => boolean): [string, FormProblem][] {
  return [...problems].flatMap(([place, list]) =>
    shown(place) ? [] : list.map((problem) => [place, problem] as [string, FormProblem]),
  )
}

/** The problems as one line for a field of Mantine; undefined when there are none. */
export function textOf(problems: readonly FormProblem[] | undefined): string | undefined {
  if (!problems?.length) return undefined
  return problems.map(({ message, hint }) => (hint ? `${message} (${hint})` : message)).join('; ')
}

/** Replaces the index in a list by an id, which stays the same when something before it is removed. */
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

/** The expression split at the marked range. The API counts code points, some of which are two units of JavaScript. */
export function markedText({ text, start, end }: FormProblem): MarkedText | null {
  if (text === undefined || start === undefined || end === undefined) return null
  const points = [...text]
  return {
    before: points.slice(0, start).join(''),
    marked: points.slice(start, end).join(''),
    after: points.slice(end).join(''),
  }
}

/** The expression with the marked text replaced by ``meant``. */
export function corrected(problem: FormProblem, meant: string): string | null {
  const marked = markedText(problem)
  return marked && `${marked.before}${meant}${marked.after}`
}
