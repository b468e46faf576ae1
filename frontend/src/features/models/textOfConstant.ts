/** The text that the Python program ``source`` assigns to ``name`` with three double quotes. */
export function textOfConstant(source: string, name: string): string {
  const text = new RegExp(`^${name} = """\\\\\\n([\\s\\S]*?)"""$`, 'm').exec(source)?.[1]
  if (text === undefined) throw new Error(`the example has no text ${name}`)
  return text
}
