/** What the files of a training are for, as the platform tells it of their framework. */
import type { Artifact, FileUse, Framework } from '~/lib/api'

const UNKNOWN: FileUse = { purpose: 'A file from the training.', needs: [], python: '', auxiliary: false }

/** By the name of a framework and of a file; one that is not known has a use without a program. */
export function useOf(frameworks: readonly Framework[], framework: string, name: string): FileUse {
  return frameworks.find((candidate) => candidate.name === framework)?.files[name] ?? UNKNOWN
}

/** The model first, what only explains it last. */
export function inOrder(
  files: readonly Artifact[],
  frameworks: readonly Framework[],
  framework: string,
): [Artifact, FileUse][] {
  const used = files.map((file): [Artifact, FileUse] => [file, useOf(frameworks, framework, file.name)])
  return used.sort(([, a], [, b]) => Number(a.auxiliary) - Number(b.auxiliary))
}

/** The program for a file as it was saved; null where another file loads it. */
export function loadSnippet({ needs, python }: FileUse, saved: string): string | null {
  if (python === '') return null
  const program = python.trimEnd().replaceAll('FILE', saved)
  return needs.length > 0 ? `# pip install ${needs.join(' ')}\n${program}` : program
}
