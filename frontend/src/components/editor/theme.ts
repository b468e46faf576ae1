/** Colours of the code editor, one set for both themes through light-dark(); all reach 4.5:1 on their ground. */
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language'
import type { Extension } from '@codemirror/state'
import { EditorView } from '@codemirror/view'
import { tags } from '@lezer/highlight'

const INK = {
  plain: ['#1f2328', '#e3e6ea'],
  comment: ['#5c6670', '#9aa4af'],
  keyword: ['#a3246c', '#f08cc0'],
  string: ['#1c6b2e', '#8fd19e'],
  number: ['#8a4b00', '#f0b26b'],
  name: ['#2c3b98', '#a9b6ff'],
  type: ['#00636e', '#6fd0dc'],
} as const

type Ink = keyof typeof INK

function highlightStyle(dark: boolean): Extension {
  const of = (ink: Ink) => INK[ink][dark ? 1 : 0]
  return syntaxHighlighting(
    HighlightStyle.define([
      { tag: [tags.comment, tags.meta], color: of('comment'), fontStyle: 'italic' },
      { tag: [tags.keyword, tags.operatorKeyword, tags.modifier, tags.self], color: of('keyword') },
      { tag: [tags.string, tags.special(tags.string), tags.escape], color: of('string') },
      { tag: [tags.number, tags.bool, tags.null], color: of('number') },
      {
        tag: [tags.function(tags.variableName), tags.function(tags.propertyName), tags.definition(tags.variableName)],
        color: of('name'),
      },
      { tag: [tags.className, tags.typeName, tags.definition(tags.className)], color: of('type') },
      { tag: tags.propertyName, color: of('name') },
    ]),
  )
}

/** Everything that depends on the theme, kept in a compartment and replaced when the user changes the theme. */
export function editorTheme(dark: boolean): Extension {
  const ground = dark ? 'var(--mantine-color-dark-8)' : '#ffffff'
  const quiet = dark ? 'var(--mantine-color-dark-7)' : 'var(--mantine-color-gray-0)'
  const border = '1px solid var(--mantine-color-default-border)'
  const plain = INK.plain[dark ? 1 : 0]
  const accent = 'var(--mantine-primary-color-filled)'
  const selection = dark ? '#34407c' : '#cfd6f7'
  return [
    EditorView.theme(
      {
        '&': { color: plain, backgroundColor: ground, fontSize: '0.8125rem', border, borderRadius: '4px' },
        '&.cm-focused': { outline: `2px solid ${accent}`, outlineOffset: '-1px' },
        '.cm-content': { fontFamily: 'var(--mantine-font-family-monospace)', caretColor: plain, padding: '6px 0' },
        '.cm-scroller': { fontFamily: 'inherit', lineHeight: '1.5', overflow: 'auto' },
        '.cm-cursor, .cm-dropCursor': { borderLeftColor: plain },
        '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
          backgroundColor: selection,
        },
        '.cm-gutters': {
          backgroundColor: quiet,
          color: INK.comment[dark ? 1 : 0],
          border: 'none',
          borderRight: border,
        },
        '.cm-activeLine': { backgroundColor: dark ? '#ffffff0d' : '#0000000a' },
        '.cm-activeLineGutter': { backgroundColor: dark ? '#ffffff14' : '#0000000f' },
        '.cm-placeholder': { color: INK.comment[dark ? 1 : 0] },
        '.cm-matchingBracket, &.cm-focused .cm-matchingBracket': { backgroundColor: selection, outline: 'none' },
        '.cm-searchMatch': { backgroundColor: dark ? '#6b5600' : '#fff0a8', outline: border },
        '.cm-searchMatch-selected': { backgroundColor: dark ? '#8a5a00' : '#ffd27a' },
        '.cm-errorLine': { backgroundColor: dark ? '#ff6b6b26' : '#e0313114' },
        '.cm-lintRange-error, .cm-lintRange-warning': {
          backgroundImage: 'none',
          textDecoration: `underline wavy ${dark ? '#ff8787' : '#c92a2a'} 1px`,
          textUnderlineOffset: '3px',
        },
        '.cm-lintRange-warning': { textDecorationColor: dark ? '#ffd43b' : '#a65f00' },
        '.cm-tooltip, .cm-panels': {
          backgroundColor: quiet,
          color: plain,
          border,
          borderRadius: '4px',
          fontFamily: 'var(--mantine-font-family)',
          fontSize: '0.8125rem',
        },
        '.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mantine-font-family-monospace)' },
        '.cm-tooltip-autocomplete > ul > li[aria-selected]': { backgroundColor: accent, color: '#ffffff' },
        '.cm-diagnostic': { padding: '4px 8px', whiteSpace: 'pre-wrap', maxWidth: '560px', overflowWrap: 'anywhere' },
        '.cm-panels': { borderRadius: 0 },
        '.cm-panel.cm-search input, .cm-panel.cm-search button, .cm-panel.cm-search label': { fontSize: '0.8125rem' },
        '.cm-textfield': { backgroundColor: ground, color: plain, border },
        '.cm-button': { backgroundImage: 'none', backgroundColor: ground, color: plain, border, borderRadius: '4px' },
        '.cm-panel.cm-search [name=close]': { color: plain, fontSize: '1rem' },
      },
      { dark },
    ),
    highlightStyle(dark),
  ]
}
