/// <reference types="vitest/config" />
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// While developing, pages come from Vite and everything else from a platform that runs: KML_BACKEND_URL.
const backend = process.env.KML_BACKEND_URL ?? 'http://127.0.0.1:8000'
const proxied = { target: backend, changeOrigin: true, headers: { origin: backend } }

export default defineConfig(({ command }) => ({
  base: command === 'build' ? '/static/' : '/',
  plugins: [react()],
  resolve: { alias: { '~': new URL('./src', import.meta.url).pathname } },
  build: {
    outDir: '../backend/web',
    emptyOutDir: true,
    target: 'es2022',
    // light-dark() as it is written: the lowered form knows nothing of the theme that a person chose.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    sourcemap: false,
    // The page's policy allows images from data addresses, but one request more is cheaper than a larger script.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
  },
  server: {
    // Templates of models are the examples' own files, outside this folder.
    fs: { allow: ['..'] },
    proxy: { '/api': proxied, '/docs': proxied, '/login': proxied },
  },
  test: {
    environment: 'jsdom',
    setupFiles: ['./src/testing/setup.ts'],
    restoreMocks: true,
    // Limits are for what never ends: on a busy machine a page takes jsdom seconds.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // One document per worker instead of per file: most of the time went into making them.
    isolate: false,
  },
}))
