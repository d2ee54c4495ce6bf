import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileTemplate } from '../../src/context/template.ts';
import { newContext } from '../support/context.ts';

const context = newContext({ target: '/a/_search?size=5', body: '{"size":900,"on":true,"l":[1]}' });

function value(text: string): unknown {
  return compileTemplate(text).value(context);
}

test('a text without templates is itself, for every request', () => {
  for (const text of ['', 'plain', 'a $[[ b', '$[[]]', '$1 [[x]]']) {
    assert.equal(compileTemplate(text).constant, text);
    assert.equal(compileTemplate(text).render(context), text);
  }
});

test('fills fields in', () => {
  const template = compileTemplate('$[[_ctx.remote_ip]]_$[[ _ctx.request.path ]]#$[[nothing]]!');
  assert.equal(template.constant, undefined);
  assert.equal(template.render(context), '127.0.0.1_/a/_search#!');
});

test('one field alone keeps its type as a value', () => {
  assert.equal(value('$[[_ctx.request.body_json.size]]'), 900);
  assert.equal(value('$[[_ctx.request.body_json.on]]'), true);
  assert.deepEqual(value('$[[_ctx.request.body_json.l]]'), [1]);
  assert.equal(value('$[[_ctx.request.body_json.l.[0]]]'), 1);
  assert.equal(value('<$[[_ctx.request.body_json.size]]>'), '<900>');
});

test('says what it needs', () => {
  const { needs } = compileTemplate('$[[_ctx.request.path]] $[[_ctx.response.body]]');
  assert.deepEqual(needs, { requestBody: 'nothing', responseBody: 'content' });
});

test('an unknown field is an error', () => {
  assert.throws(() => compileTemplate('x $[[_ctx.request.pth]]'), {
    code: 'PARAMETER_INVALID',
    message: /did you mean "_ctx.request.path"/,
  });
});
