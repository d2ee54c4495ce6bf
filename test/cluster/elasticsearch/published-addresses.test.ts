import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import {
  askForText,
  publishInstead,
} from '../../../src/cluster/elasticsearch/published-addresses.ts';
import { HeaderList } from '../../../src/http/headers/header-list.ts';
import { bodyText, newContext } from '../../support/context.ts';

async function published(
  body: string | Buffer,
  type: string,
  more: string[] = [],
  status = 200,
): Promise<string> {
  const context = newContext();
  const { response } = context;
  response.status = status;
  response.headers = new HeaderList(['Content-Type', type, ...more]);
  response.body = Buffer.from(body as string);
  await publishInstead(context, 'gate.example:80');
  return bodyText(response);
}

const pretty = `{
  "_nodes" : { "total" : 2, "failed" : 0 },
  "nodes" : {
    "a.b" : {
      "ip" : "10.0.0.1:9300",
      "settings" : { "http" : { "publish_address" : "10.0.0.1:9200" } },
      "http" : {
        "bound_address" : [
          "[::1]:9200",
          "127.0.0.1:9200"
        ],
        "publish_address" : "es1/10.0.0.1:9200",
        "max_content_length_in_bytes" : 104857600
      },
      "indices" : { "max_unsafe_auto_id_timestamp" : -9223372036854775808, "x" : 1.0 }
    },
    "c" : { "transport" : { "publish_address" : "10.0.0.2:9300" }, "http" : null }
  }
}
`;

test('only the addresses change in JSON', async () => {
  const expected = pretty
    .replace(/\[\n\s+"\[::1\][^\]]*\]/, '["gate.example:80"]')
    .replace('es1/10.0.0.1:9200', 'gate.example:80');
  assert.equal(await published(pretty, 'application/json; charset=UTF-8'), expected);
  const gzip = ['Content-Encoding', 'gzip'];
  assert.equal(await published(gzipSync(pretty), 'application/json', gzip), expected);
});

test('only the addresses change in YAML', async () => {
  const yaml = `---
_nodes:
  total: 1
nodes:
  oYVUe7M8Q:
    name: "\u00fc: http"
    http:
      bound_address:
      - "[::1]:9200"
      - "127.0.0.1:9200"
      - "127.0.0.2:9200"
      publish_address: "127.0.0.1:9200"
      max_content_length_in_bytes: 104857600
    transport:
      bound_address:
      - "127.0.0.1:9300"
      publish_address: "127.0.0.1:9300"
  second:
    http:
      bound_address:
      - "127.0.0.1:9201"
      publish_address: "127.0.0.1:9201"
`;
  const expected = yaml
    .replace(/- "\[::1\](?:.*\n){3}/, '- "gate.example:80"\n')
    .replaceAll(/127\.0\.0\.1:920\d/g, 'gate.example:80');
  assert.equal(await published(yaml, 'application/yaml'), expected);
});

test('what is no topology stays as it is', async () => {
  for (const body of ['{"nodes":[1]}', '{"nodes":{"a":1,"b":{"http":[]}}}', '{', '[]', 'text']) {
    assert.equal(await published(body, 'application/json'), body);
  }
  assert.equal(await published(pretty, 'application/json', [], 404), pretty);
  assert.equal(await published(pretty, 'application/cbor'), pretty);
});

test('a node is asked for text where an address can be replaced in', () => {
  const asked = (target: string, accept?: string): string[] => {
    const { request } = newContext({
      target,
      headers: accept === undefined ? [] : ['Accept', accept],
    });
    askForText(request);
    return [request.target, ...request.headers.asArray()];
  };
  assert.deepEqual(asked('/_nodes?format=cbor&pretty'), ['/_nodes?pretty']);
  assert.deepEqual(asked('/_nodes?format=smile'), ['/_nodes']);
  assert.deepEqual(asked('/_nodes?format=yaml'), ['/_nodes?format=yaml']);
  assert.deepEqual(asked('/_nodes', 'application/vnd.elasticsearch+cbor'), [
    '/_nodes',
    'Accept',
    'application/json',
  ]);
});
