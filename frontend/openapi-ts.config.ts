import { defineConfig } from '@hey-api/openapi-ts'

// openapi.json is what the backend says of itself (scripts/check compares them); the client is generated from it.
export default defineConfig({
  input: './openapi.json',
  output: { path: './src/lib/generated', clean: true },
  plugins: [
    { name: '@hey-api/client-fetch' },
    '@hey-api/typescript',
    { name: '@hey-api/sdk' },
    { name: '@tanstack/react-query', queryKeys: { tags: true }, queryOptions: true, infiniteQueryOptions: false },
  ],
})
