/** Bytes as people read them: in hex with their text beside. */

/** Base64 -> bytes. */
export function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))
}

const PER_LINE = 16

/** '00000000  61 62  |ab|', at most ``most`` bytes. */
export function hexDump(bytes: Uint8Array, most = 512): string {
  const lines: string[] = []
  for (let start = 0; start < Math.min(bytes.length, most); start += PER_LINE) {
    const part = [...bytes.slice(start, Math.min(start + PER_LINE, most))]
    const hex = part.map((each) => each.toString(16).padStart(2, '0')).join(' ')
    const text = part.map((each) => (each >= 32 && each < 127 ? String.fromCharCode(each) : '.')).join('')
    lines.push(`${start.toString(16).padStart(8, '0')}  ${hex.padEnd(PER_LINE * 3 - 1)}  ${text}`)
  }
  return lines.join('\n')
}
