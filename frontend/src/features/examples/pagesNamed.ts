/** Finds the addresses of this platform's pages in the output of an example, and nothing else. */

const PAGE = /https?:\/\/[^\s/]+(\/(?:results|inference|visualise)\/\d+)(?=\s|$)/g
const KINDS: Record<string, string> = {
  results: 'Training run',
  inference: 'Inference',
  visualise: 'Predictions, live',
}

export interface NamedPage {
  path: string
  label: string
}

/** The pages that ``output`` names, each once, in order. Only the path decides what is a page; the host is ignored. */
export function pagesNamed(output: string): NamedPage[] {
  const paths = new Set(Array.from(output.matchAll(PAGE), (found) => found[1] as string))
  return Array.from(paths, (path) => {
    const [, kind = '', id = ''] = path.split('/')
    return { path, label: `${KINDS[kind]} ${id}` }
  })
}
