// Talks to a running server through the generated client: node dist/conversation.js http://localhost:8000
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'

import { client } from './client/client.gen.js'
import { Items, Login, Users } from './client/sdk.gen.js'
import type { ItemRead, Loc } from './client/types.gen.js'

const email = `ann-${randomUUID()}@example.com`
const password = 'correct horse battery'
let token = ''
client.setConfig({
  baseUrl: process.argv[2] ?? 'http://localhost:8000',
  // Without the condition the token would also be sent as `X-API-Key`.
  auth: ({ scheme }) => (scheme === 'bearer' ? token : undefined),
})

// Sign up and log in.
const user = await Users.signup({ body: { email, password }, throwOnError: true })
assert.equal(user.data.email, email)
const login = await Login.token({ body: { grant_type: 'password', username: email, password }, throwOnError: true })
token = login.data.access_token

// Create items, and read them in pages.
for (const title of ['kettle', 'pot', 'cup', 'spoon', 'plate']) {
  const item = await Items.createItem({ body: { title, price: 2.5 }, throwOnError: true })
  assert.equal(item.data.title, title)
  assert.equal(item.data.price, 2.5)
}
const items: ItemRead[] = []
let cursor: string | undefined
do {
  const query = cursor === undefined ? { limit: 2 } : { limit: 2, cursor }
  const page = await Items.readItems({ query, throwOnError: true })
  items.push(...page.data.data)
  cursor = page.data.next_cursor
} while (cursor !== undefined)
assert.deepEqual(items.map((item) => item.title), ['plate', 'spoon', 'cup', 'pot', 'kettle'])

// An invalid request: the problems are typed.
const invalid = await Items.createItem({ body: { title: '', price: -1 } })
assert.equal(invalid.response?.status, 422)
assert.ok(invalid.error !== undefined && typeof invalid.error.detail !== 'string')
const places: Loc[][] = invalid.error.detail.map((problem) => problem.loc)
assert.deepEqual(places, [['body', 'title'], ['body', 'price']])

// Refresh.
const body = { grant_type: 'refresh_token', refresh_token: login.data.refresh_token }
token = (await Login.token({ body, throwOnError: true })).data.access_token
assert.equal((await Users.readMe({ throwOnError: true })).data.email, email)
console.log('typescript: ok')
