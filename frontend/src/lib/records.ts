/** Formats bytes and times of Kafka records. */

const millisecond = new Intl.DateTimeFormat(undefined, {
  year: 'numeric',
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  hourCycle: 'h23',
})

/** A moment to the millisecond, in the reader's time zone. */
export function formatMillisecond(at: string): string {
  return millisecond.format(new Date(at))
}

/** Decodes base64 to bytes. */
export function bytesOfBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))
}

/** The first ``most`` bytes of base64 as hex: 'de ad be ef'. */
export function hexOfBase64(text: string, most: number): string {
  // Four characters of base64 hold three bytes. Only the bytes that are shown are decoded.
  const bytes = bytesOfBase64(text.slice(0, Math.ceil((most + 1) / 3) * 4))
  const shown = [...bytes.slice(0, most)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
  return bytes.length > most ? `${shown} …` : shown
}

/** Base64 as a hex dump with lines of 'offset  hex  letters'. */
export function hexDump(text: string, mostBytes = 4096): string {
  const bytes = bytesOfBase64(text).slice(0, mostBytes)
  const lines: string[] = []
  for (let start = 0; start < bytes.length; start += 16) {
    const part = [...bytes.slice(start, start + 16)]
    const hex = part.map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
    const letters = part.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.')).join('')
    lines.push(`${start.toString(16).padStart(6, '0')}  ${hex.padEnd(47)}  ${letters}`)
  }
  return lines.join('\n')
}

/** Breaks JSON into lines and keeps each digit of its numbers. A text that is cut or not JSON stays unchanged. */
export function prettyJson(text: string): string {
  try {
    JSON.parse(text)
  } catch {
    return text
  }
  // JSON.stringify would not do, because parsing loses digits of long numbers.
  let shown = ''
  let indent = 0
  const line = (more: number) => {
    indent += more
    return `\n${'  '.repeat(indent)}`
  }
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{[]\s*[}\]]|[{}[\],:]|[^\s{}[\],:"]+/g)) {
    if (token === '{' || token === '[') shown += token + line(1)
    else if (token === '}' || token === ']') shown += line(-1) + token
    else if (token === ',') shown += token + line(0)
    else if (token === ':') shown += ': '
    else shown += /^[{[]/.test(token) ? token.replace(/\s+/, '') : token
  }
  return shown
}
