/** What the files of a training are for, as described by their framework. */
import type { Artifact, FileUse, Framework } from '~/lib/api'

const UNKNOWN: FileUse = { purpose: 'A file from the training.', needs: [], python: '', auxiliary: false }

/** The use of a file of a framework. An unknown file gets a general description without a program. */
export function useOf(frameworks: readonly Framework[], framework: string, name: string): FileUse {
  return frameworks.find((candidate) => candidate.name === framework)?.files[name] ?? UNKNOWN
}

/** Sorts the files: the model first, explanatory files last. */
export function inOrder(
  files: readonly Artifact[],
  frameworks: readonly Framework[],
  framework: string,
): [Artifact, FileUse][] {
  const used = files.map((file): [Artifact, FileUse] => [file, useOf(frameworks, framework, file.name)])
  return used.sort(([, a], [, b]) => Number(a.auxiliary) - Number(b.auxiliary))
}

/** The program that loads a file under the name ``saved``; null for a file that another one loads. */
export function loadSnippet({ needs, python }: FileUse, saved: string): string | null {
  if (python === '') return null
  const program = python.trimEnd().replaceAll('FILE', saved)
  return needs.length > 0 ? `# pip install ${needs.join(' ')}\n${program}` : program
}
