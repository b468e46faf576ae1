/** The values of a model's form, and the part of them that the executor checks. */
import type { FrameworkEnum, Model, ModelWriteRequest, VerdictError } from '~/lib/api'
import { problemOf } from '~/lib/problem'
import type { Template } from './templates'

export interface ModelValues {
  framework: FrameworkEnum
  name: string
  description: string
  imports: string
  code: string
  distributed: boolean
  /** The id of the upper model as text, as selects hold it. */
  upper_model: string | null
}

/** The values that decide whether a model is valid. */
export type Source = Pick<ModelValues, 'framework' | 'imports' | 'code' | 'distributed'>

export const EMPTY: ModelValues = {
  framework: 'tensorflow',
  name: '',
  description: '',
  imports: '',
  code: '',
  distributed: false,
  upper_model: null,
}

/** The backend's own limits in characters. */
export const MAX_CODE = 200_000

export function valuesOf(model: Model): ModelValues {
  const { framework, name, description, imports, code, distributed, upper_model } = model
  return { framework, name, description, imports, code, distributed, upper_model: upper_model?.toString() ?? null }
}

export function valuesOfTemplate(template: Template): ModelValues {
  const { framework, name, description, code, distributed = false } = template
  return { ...EMPTY, framework, name, description, code, distributed }
}

export function requestOf(values: ModelValues): ModelWriteRequest {
  const upper = values.distributed && values.upper_model !== null ? Number(values.upper_model) : null
  return { ...values, upper_model: upper }
}

export function sourceOf({ framework, imports, code, distributed }: ModelValues): Source {
  return { framework, imports, code, distributed }
}

/** A key that is equal for equal sources. */
export function keyOf({ framework, imports, code, distributed }: Source): string {
  return JSON.stringify([framework, distributed, imports, code])
}

/** The verdict in a refusal to save; null when the refusal has another reason. */
export function verdictErrorOf(error: unknown): VerdictError | null {
  const problem = problemOf(error)
  const refused = problem.fields.find((field) => field.field === 'code' || field.field === 'imports')
  if (problem.status !== 422 || !refused) return null
  return {
    kind: refused.code,
    message: refused.detail,
    line: refused.line ?? null,
    source: refused.field,
    traceback: refused.traceback ?? '',
    hint: refused.hint ?? problem.hint,
  }
}

/** The name of a model loaded from a file: 'my model.py' -> 'my model'. */
export function nameOfFile(fileName: string): string {
  return fileName.replace(/\.[^.]*$/, '').slice(0, 100)
}
