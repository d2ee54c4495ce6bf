import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileReplacement, Expression } from '../../src/context/expression.ts';

function replace(source: string, text: string, to: string): string {
  const expression = new Expression(source);
  return expression.replace(text, compileReplacement(to, expression));
}

test('matches anywhere, in the syntax of RE2', () => {
  assert.ok(new Expression('.*/_search').test('/a/_search?x'));
  assert.ok(new Expression('(?i)JNDI').test('x jndi y'));
  assert.ok(!new Expression('^b').test('ab'));
});

test('gives what named groups stand for', () => {
  const dated = new Expression('^\\/.*?\\d{4}\\.(?P<month>\\d{2})\\.(?P<day>\\d{2}).*?');
  assert.deepEqual({ ...dated.groups('/abd-2023.02.06-abc/_search') }, { month: '02', day: '06' });
  assert.equal(dated.groups('/abd/_search'), undefined);
  assert.deepEqual({ ...new Expression('(?P<a>x)|(?P<b>y)').groups('y') }, { a: '', b: 'y' });
});

test('replaces every match, with groups as Go writes them', () => {
  assert.equal(replace('^/', '/abc/_search', '/cluster:'), '/cluster:abc/_search');
  assert.equal(replace('(\\w)-(?P<n>\\d)', 'a-1 b-2', '${n}:$1'), '1:a 2:b');
  assert.equal(replace('(a)', 'aa', '$1x'), '');
  assert.equal(replace('(a)', 'aa', '${1}x$$1'), 'ax$1ax$1');
  assert.equal(replace('x*', 'axb', '-'), '-a-b-');
  assert.equal(replace('é', '😀é😀é', '$0$9'), '😀é😀é');
  assert.equal(replace('q', 'no match', '-'), 'no match');
});

test('an expression that is none is an error that says why', () => {
  for (const source of ['(', 'a**', '(?=a)', '[z-a]']) {
    assert.throws(() => new Expression(source), {
      code: 'PARAMETER_INVALID',
      message: /is no regular expression: /,
    });
  }
});

test('time grows with the length of the text only', () => {
  const text = `${'a'.repeat(20_000)}b`;
  const started = performance.now();
  for (const source of ['^(a+)+$', '^(a|a)*$', '^(.*a){12}$']) {
    assert.equal(new Expression(source).test(text), false);
  }
  assert.ok(performance.now() - started < 5000);
});
