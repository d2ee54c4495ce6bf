import { listOf } from './describe.ts';
import type { Path } from './problem.ts';
import { methods } from './schema/router.ts';
import type { Scope } from './scope.ts';
import { didYouMean } from './suggest.ts';
import { placeAt } from './tree.ts';
import type { RouterConfig, RuleConfig } from './types.ts';

interface RawRouter {
  readonly name: string;
  readonly default_flow?: string;
  readonly rules: readonly RawRule[];
}

interface RawRule {
  readonly method: string | readonly string[];
  readonly pattern: string | readonly string[];
  readonly flow: string | readonly string[];
}

export function normaliseRouters(values: readonly unknown[], scope: Scope): RouterConfig[] {
  return values.filter(isMap).map((value, index) => {
    const raw = value as unknown as RawRouter;
    const path = ['router', index];
    const rules = Array.isArray(raw.rules) ? (raw.rules as unknown[]).filter(isMap) : [];
    return {
      name: raw.name,
      default_flow: raw.default_flow ?? null,
      rules: rules.map((rule, place) =>
        normaliseRule(rule as unknown as RawRule, [...path, 'rules', place], scope),
      ),
    };
  });
}

function normaliseRule(raw: RawRule, path: Path, scope: Scope): RuleConfig {
  const method = texts(raw.method).map((text) => text.toUpperCase());
  const isList = Array.isArray(raw.method);
  for (const [index, text] of method.entries()) {
    if ((methods as readonly string[]).includes(text)) continue;
    const at = isList ? [...path, 'method', index] : [...path, 'method'];
    const known = listOf(methods.map((one) => `"${one}"`));
    const hint = didYouMean(text, methods) || `; expected ${known}`;
    scope.problems.error(placeAt(scope.root, at), at, `"${text}" is not a method${hint}`);
  }
  return { method, pattern: texts(raw.pattern), flow: texts(raw.flow) };
}

function texts(value: unknown): string[] {
  return [value].flat().filter((one) => typeof one === 'string');
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
