// Runs before the first paint, so that a dark page never flashes white; a file, because the page allows no inline script.
(() => {
  let scheme = 'auto'
  try {
    scheme = localStorage.getItem('kml-color-scheme') ?? 'auto'
  } catch {
    // Storage is closed to this page: follow the system.
  }
  const dark = scheme === 'dark' || (scheme !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches)
  document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light')
})()
