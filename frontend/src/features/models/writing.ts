/** How models are written in each framework. The module of a framework is ``writing/NAME.tsx``. */
import type { ReactNode } from 'react'
import type { FrameworkEnum } from '~/lib/api'

/** A template of a model. */
export interface Template {
  /** The id in addresses. */
  id: string
  title: string
  /** The input and output of the model. */
  about: string
  /** The name that a model made from the template gets at first. */
  name: string
  description: string
  distributed?: boolean
  code: string
}

export interface Writing {
  /** How to write a model, in one line. */
  line: ReactNode
  /** How to write a sub-model of a distributed model, in one line. */
  subModelLine: ReactNode
  rules: readonly ReactNode[]
  /** Where samples are scaled: the words after "scale them" in a sentence. */
  scaling: ReactNode
  /** The usual first lines of the code. */
  begins: string
  /** Matches only code for this framework. */
  marks: RegExp
  /** The code of the templates that every framework has, by the ids in templates.ts. */
  codes: Readonly<Record<string, string>>
}

const MODULES = import.meta.glob<Writing>('./writing/*.tsx', { eager: true, import: 'writing' })

/** Each framework's name and how it is written. */
export const WRITINGS: readonly (readonly [FrameworkEnum, Writing])[] = Object.entries(MODULES).map(
  ([path, writing]) => [path.replace(/^.*\/|\.tsx$/g, '') as FrameworkEnum, writing],
)

export function writingOf(framework: string): Writing | undefined {
  return WRITINGS.find(([name]) => name === framework)?.[1]
}

/** The framework that a file is written for; null when the code does not say. */
export function frameworkOf(code: string): FrameworkEnum | null {
  const found = WRITINGS.filter(([, { marks }]) => marks.test(code))
  return found.length === 1 ? (found[0]?.[0] ?? null) : null
}
