import assert from 'node:assert/strict';
import { test } from 'node:test';
import { warningsOf } from '../support/flows.ts';

test('nodes that are entries of the gateway are warned of', async (t) => {
  const warnings = await warningsOf(
    t,
    `flow:
  - name: f
    filter:
      - http: { host: "localhost:8000" }
      - if: { equals: { _ctx.request.method: GET } }
        then: [{ http: { hosts: ["10.255.255.1:8000", "127.0.0.1:8000"] } }]
      - http: { host: "127.0.0.1:8001" }
`,
  );
  const own = warnings.filter((warning) => warning.includes('of this gateway'));
  assert.deepEqual(own, [
    'flow[0].filter[0].http: http://localhost:8000 is the entry "main" of this gateway; a request that returns there gets 508',
    'flow[0].filter[1].then[0].http: http://127.0.0.1:8000 is the entry "main" of this gateway; a request that returns there gets 508',
  ]);
});
