import { listOf } from '../validation/describe.ts';
import { type Path, type Place, related } from '../problem.ts';
import { methods } from '../schema/router.ts';
import type { Scope } from '../validation/scope.ts';
import { didYouMean } from '../../suggest.ts';
import { keyPlaceAt, nodeAt, placeAt } from '../source/tree.ts';
import type { IpAccessConfig, RouterConfig, RuleConfig } from '../types.ts';

interface RawRouter {
  readonly name: string;
  readonly default_flow?: string;
  readonly tracing_flow?: string;
  readonly rules: readonly RawRule[];
  readonly rule_toggle_enabled?: boolean;
  readonly ip_access_control?: RawAccess;
  readonly permitted_client_ip_list?: readonly string[];
  readonly denied_client_ip_list?: readonly string[];
}

interface RawAccess {
  readonly enabled?: boolean;
  readonly client_ip?: Partial<IpAccessConfig>;
}

interface RawRule {
  readonly method: string | readonly string[];
  readonly pattern: string | readonly string[];
  readonly flow: string | readonly string[];
  readonly enabled?: boolean;
}

export function normaliseRouters(values: readonly unknown[], scope: Scope): RouterConfig[] {
  return values.filter(isMap).map((value, index) => {
    const raw = value as unknown as RawRouter;
    const path = ['router', index];
    return {
      name: raw.name,
      default_flow: raw.default_flow ?? null,
      tracing_flow: raw.tracing_flow ?? null,
      ip_access_control: accessOf(raw),
      rules: normaliseRules(raw, path, scope),
    };
  });
}

function accessOf(raw: RawRouter): IpAccessConfig | null {
  const { enabled = false, client_ip: lists } = raw.ip_access_control ?? {};
  const counting = enabled ? lists : undefined;
  const permitted = [...texts(counting?.permitted), ...texts(raw.permitted_client_ip_list)];
  const denied = [...texts(counting?.denied), ...texts(raw.denied_client_ip_list)];
  return permitted.length + denied.length > 0 ? { permitted, denied } : null;
}

function normaliseRules(raw: RawRouter, path: Path, scope: Scope): RuleConfig[] {
  const rules: unknown[] = Array.isArray(raw.rules) ? (raw.rules as unknown[]) : [];
  warnOfUnsaid(raw, path, scope);
  /** Where requests were given to a rule first, by what they are like. */
  const taken = new Map<string, { readonly rule: number; readonly place: Place }>();
  return rules.flatMap((value, index) => {
    if (!isMap(value)) return [];
    const rule = value as unknown as RawRule;
    const at = [...path, 'rules', index];
    const normalised = normaliseRule(rule, at, scope);
    if (raw.rule_toggle_enabled === true) {
      if (rule.enabled !== true) return [];
    } else if (rule.enabled === false) {
      const message =
        '"enabled" has no effect: the rule applies; set "rule_toggle_enabled: true" in its router';
      scope.problems.warning(keyPlaceAt(scope.root, [...at, 'enabled']), at, message);
    }
    reportTaken(normalised, index, at, taken, scope);
    return [normalised];
  });
}

/** With `rule_toggle_enabled`, rules are disabled by default, which is easily overlooked. */
function warnOfUnsaid({ rules, rule_toggle_enabled }: RawRouter, path: Path, scope: Scope): void {
  if (rule_toggle_enabled !== true) return;
  const unsaid = [...rules.entries()].filter(
    ([, rule]) => isMap(rule) && rule.enabled === undefined,
  );
  if (unsaid.length === 0) return;
  const which = unsaid.map(([index]) => `rules[${index}]`).join(', ');
  const message = `ignored, because they lack "enabled: true": ${which}`;
  const at = [...path, 'rule_toggle_enabled'];
  scope.problems.warning(keyPlaceAt(scope.root, at), at, message);
}

/** Of two rules for the same requests one would never be used. */
function reportTaken(
  { method, pattern }: RuleConfig,
  rule: number,
  path: Path,
  taken: Map<string, { readonly rule: number; readonly place: Place }>,
  { syntax, problems, root }: Scope,
): void {
  for (const [index, text] of pattern.entries()) {
    const isList = nodeAt(root, [...path, 'pattern', index]) !== undefined;
    const at = isList ? [...path, 'pattern', index] : [...path, 'pattern'];
    const place = placeAt(root, at);
    for (const [name, shape] of combinations(method, syntax.patternShapes(text))) {
      const requests = `${name} ${shape}`;
      const before = taken.get(requests);
      if (before === undefined) {
        taken.set(requests, { rule, place });
      } else if (before.rule !== rule) {
        const what = name === '*' ? 'requests of any method' : `${name} requests`;
        const message = `another rule already matches ${what} for "${text}"; this rule would never apply to them`;
        const other = related(before.place, 'the other rule is here');
        problems.error(place, at, message, [other]);
      }
    }
  }
}

function combinations(one: readonly string[], other: readonly string[]): [string, string][] {
  return one.flatMap((first) => other.map((second): [string, string] => [first, second]));
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
