import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderList } from '../../../src/http/headers/header-list.ts';
import { mustBeJson } from '../../../src/http/json/media-type.ts';

/** Paths, and whether Elasticsearch takes lines of JSON there. */
const paths: [path: string, isBulk: boolean][] = [
  ['/_bulk', true],
  ['//_bulk//', true],
  ['/books/_bulk', true],
  ['/books/type/_bulk', true],
  ['/_all/_msearch', true],
  ['/_msearch/template', true],
  ['/_monitoring/bulk', true],
  ['/_scripts/_bulk', false],
  ['/_template/_msearch', false],
  ['/_ingest/pipeline/_bulk', false],
  ['/books/_doc/_bulk', false],
  ['/books/_search', false],
];

for (const [path, isBulk] of paths) {
  test(`a body for ${path} is ${isBulk ? 'not ' : ''}to be JSON`, () => {
    assert.equal(mustBeJson(path, new HeaderList([]), Buffer.from('x')), !isBulk);
  });
}
