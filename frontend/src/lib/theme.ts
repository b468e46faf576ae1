/** The theme: one accent, neutral greys, four state colours. Colours of series are in lib/palette.ts. */
import {
  Alert,
  Button,
  createTheme,
  type MantineColorsTuple,
  Modal,
  SegmentedControl,
  Select,
  TextInput,
  Tooltip,
} from '@mantine/core'

// Shades of the accent. Text on them, and they as text, reach a contrast of 4.5:1 (filled: shade 8 in light, 7 in
// dark).
const indigo: MantineColorsTuple = [
  '#eef0fc',
  '#dde1f7',
  '#bac2ee',
  '#98a3e6',
  '#7b88de',
  '#6675d4',
  '#5464c8',
  '#4a5ac4',
  '#3b4fc4',
  '#2c3b98',
]

// Greys of the dark theme: the blue-black of the page in lighter steps, from text (0) to the deepest background (9).
const dark: MantineColorsTuple = [
  '#d5d9e1',
  '#bcc2cd',
  '#a3a9b5',
  '#828a97',
  '#3c424d',
  '#2e333d',
  '#22262d',
  '#16181d',
  '#121419',
  '#0e1013',
]

/** The state that an alert's colour means, which colours its title. */
const ALERT_TONES: Record<string, string> = { yellow: 'waiting', red: 'failed', teal: 'good' }

export const theme = createTheme({
  primaryColor: 'indigo',
  primaryShade: { light: 8, dark: 7 },
  colors: { indigo, dark },
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace',
  defaultRadius: 'sm',
  cursorType: 'pointer',
  respectReducedMotion: true,
  headings: {
    fontWeight: '600',
    sizes: {
      h1: { fontSize: '1.375rem', lineHeight: '1.3' },
      h2: { fontSize: '1.0625rem', lineHeight: '1.4' },
      h3: { fontSize: '0.9375rem', lineHeight: '1.4' },
    },
  },
  components: {
    Alert: Alert.extend({
      defaultProps: { variant: 'outline' },
      styles: (_theme, { color }) => {
        const tone = ALERT_TONES[color ?? '']
        // A long line of code scrolls in its box rather than widening the alert beyond the window.
        return { body: { minWidth: 0 }, ...(tone && { title: { color: `var(--kml-${tone})` } }) }
      },
    }),
    // Buttons have the same height everywhere.
    Button: Button.extend({ defaultProps: { size: 'xs' } }),
    Modal: Modal.extend({ defaultProps: { closeButtonProps: { 'aria-label': 'Close' } } }),
    // A header element would count as a second banner of the page.
    ModalHeader: { defaultProps: { role: 'presentation' } },
    SegmentedControl: SegmentedControl.extend({ defaultProps: { size: 'xs' } }),
    // A chosen option cannot be deselected by clicking it. Fields that may be empty have a button that clears them.
    Select: Select.extend({ defaultProps: { allowDeselect: false } }),
    // Fields take names of the platform, not personal data, so the browser has nothing to suggest.
    TextInput: TextInput.extend({ defaultProps: { autoComplete: 'off' } }),
    Tooltip: Tooltip.extend({ defaultProps: { withArrow: true, openDelay: 300, multiline: true, maw: 360 } }),
  },
})
