/** Saves a file that was made in the page. */

/** Save ``content`` as ``name`` in the browser's download folder. */
export function saveFile(name: string, content: BlobPart, type: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }))
  saveUrl(name, url)
  // The URL is revoked later, because the download reads it after this function returns.
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}

/** Save the content of ``url`` (same origin, blob or data) as ``name``. */
export function saveUrl(name: string, url: string): void {
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
}

/** Turns a text into a part of a file's name: letters, digits and hyphens. */
export function fileName(text: string): string {
  return (
    text
      .replaceAll(/[^\p{L}\p{N}]+/gu, '-')
      .replaceAll(/^-+|-+$/g, '')
      .slice(0, 60) || 'file'
  )
}
