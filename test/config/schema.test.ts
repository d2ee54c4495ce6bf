import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import { filters } from '../../src/filters/index.ts';
import { rootSchema } from '../../src/config/schema/root.ts';

test('the schemas are schemas: a start does not check them again', () => {
  const ajv = new Ajv({ strict: false });
  for (const schema of [rootSchema, ...filters.map((filter) => filter.schema)]) {
    assert.ok(ajv.validateSchema(schema), ajv.errorsText());
  }
});
