import { defineConfig } from '@hey-api/openapi-ts'

// One class a tag: `items-create_item` becomes `Items.createItem`.
export default defineConfig({
  input: '../../openapi.json',
  output: 'client',
  plugins: [
    '@hey-api/client-fetch',
    '@hey-api/typescript',
    {
      name: '@hey-api/sdk',
      operations: {
        strategy: 'byTags',
        methods: 'static',
        containerName: '{{name}}',
        methodName: (name: string): string => name.replace(/^.*-/, ''),
      },
    },
  ],
})
