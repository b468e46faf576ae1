/** Looks: one accent, neutral greys, four state colours. Series colours are in lib/palette.ts. */
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

// Steps are chosen so that text on them and they as text reach 4.5:1 (filled: step 8 light, 7 dark).
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

// Surfaces of one temperature: the blue-black of the page, lighter in steps. From text (0) to the deepest ground (9).
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

/** What an alert's colour means, and so its title's. */
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
    // One height of buttons, wherever they stand.
    Button: Button.extend({ defaultProps: { size: 'xs' } }),
    Modal: Modal.extend({ defaultProps: { closeButtonProps: { 'aria-label': 'Close' } } }),
    // Its element would count as a second banner of the page.
    ModalHeader: { defaultProps: { role: 'presentation' } },
    SegmentedControl: SegmentedControl.extend({ defaultProps: { size: 'xs' } }),
    // Where nothing may be chosen, there is a button that clears.
    Select: Select.extend({ defaultProps: { allowDeselect: false } }),
    // Fields here take names of the platform, not the user's own data, so the browser has nothing to suggest.
    TextInput: TextInput.extend({ defaultProps: { autoComplete: 'off' } }),
    Tooltip: Tooltip.extend({ defaultProps: { withArrow: true, openDelay: 300, multiline: true, maw: 360 } }),
  },
})
