/** How models are written, framework by framework: a module of ``writing/`` each, by the framework's name. */
import type { ReactNode } from 'react'
import type { FrameworkEnum } from '~/lib/api'

/** A model to begin with. */
export interface Template {
  /** In addresses. */
  id: string
  title: string
  /** What goes in and what comes out. */
  about: string
  /** A name to begin with. */
  name: string
  description: string
  distributed?: boolean
  code: string
}

export interface Writing {
  /** The whole in one line. */
  line: ReactNode
  /** The same of a sub-model of a distributed model. */
  subModelLine: ReactNode
  rules: readonly ReactNode[]
  /** Where samples are scaled, after "scale them". */
  scaling: ReactNode
  /** How code usually begins. */
  begins: string
  /** What only code for this framework has in it. */
  marks: RegExp
  /** The templates that every framework has, by the ids of templates.ts. */
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

/** Which framework a file is written for; null when it does not tell. */
export function frameworkOf(code: string): FrameworkEnum | null {
  const found = WRITINGS.filter(([, { marks }]) => marks.test(code))
  return found.length === 1 ? (found[0]?.[0] ?? null) : null
}
