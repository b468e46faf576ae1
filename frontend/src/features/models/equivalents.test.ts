import { expect, it } from 'vitest'
import { createEquivalents, hereDocument, updateEquivalents } from './equivalents'
import { EMPTY } from './source'

it('gives the code to the command as standard input', () => {
  const { cli, python } = createEquivalents({ ...EMPTY, name: "it's mine", code: 'model = 1\n', imports: 'import os' })
  expect(cli).toBe(
    [
      "cat > imports.py <<'EOF'",
      'import os',
      'EOF',
      "kafka-ml models create - --name 'it'\\''s mine' --framework tensorflow --imports imports.py <<'EOF'",
      'model = 1',
      'EOF',
    ].join('\n'),
  )
  expect(python).toContain('name="it\'s mine"')
})

it('ends a text where the text itself does not', () => {
  expect(hereDocument('a\nEOF\nb')).toBe("<<'EOF_'\na\nEOF\nb\nEOF_")
})

it('changes only what differs', () => {
  const before = { ...EMPTY, name: 'a', code: 'model = 1' }
  const { cli, curl } = updateEquivalents(7, before, { ...before, name: 'b' })
  expect(cli).toBe('kafka-ml models update 7 --name b')
  expect(curl).toContain('"name": "b"')
  expect(curl).not.toContain('code')
})
