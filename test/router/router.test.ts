import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { RouterConfig } from '../../src/config/types.ts';
import type { RequestContext } from '../../src/http/context.ts';
import { GatewayError } from '../../src/errors.ts';
import { parsePattern } from '../../src/router/pattern.ts';
import { Router } from '../../src/router/router.ts';
import { newContext } from '../support/context.ts';

const contextOf = (method: string, target: string): RequestContext =>
  newContext({ method, target });

/** A router whose rules are `METHOD pattern`, each leading to a flow named like itself. */
function routerOf(rules: readonly string[], defaultFlow: string | null = null): Router<string> {
  const config: RouterConfig = {
    name: 'r',
    default_flow: defaultFlow,
    tracing_flow: null,
    ip_access_control: null,
    rules: rules.map((rule) => {
      const [method = '', pattern = ''] = rule.split(' ');
      return { method: [method], pattern: [pattern], flow: [rule] };
    }),
  };
  return new Router(config, (flows) => flows.join('+'));
}

function find(router: Router<string>, method: string, target: string): string {
  const context = contextOf(method, target);
  try {
    const flow = router.find(context);
    const variables = context.pathVariables;
    const shown = Object.entries(variables ?? {}).map(([name, value]) => `${name}=${value}`);
    return [flow, ...shown].join(' ');
  } catch (error) {
    assert.ok(error instanceof GatewayError);
    return error.code;
  }
}

const rules = [
  '* /{any:*}',
  'GET /{index}',
  'POST /{index}/_bulk',
  'POST /_bulk',
  'PUT /{index}/_doc/{id}',
  'GET /user/{user}_admin',
  'GET /user/{user}',
  'GET /v{major}.{minor}/info',
  'GET /n/{id:[0-9]+}',
  'GET /n/{name}',
  'GET /n/{five:[a-z]{5}}/five',
  'GET /src/{filepath:*}',
  '* /_cluster/settings',
  'GET /g/{x:(a|b)c}/{y}',
];

const cases: [method: string, target: string, found: string][] = [
  ['POST', '/_bulk', 'POST /_bulk'],
  ['POST', '/_bulk?refresh=true', 'POST /_bulk'],
  ['POST', '/logs/_bulk', 'POST /{index}/_bulk index=logs'],
  ['POST', '/logs/_bulk/', 'POST /{index}/_bulk index=logs'],
  ['GET', '/logs', 'GET /{index} index=logs'],
  ['GET', '/logs/', 'GET /{index} index=logs'],
  ['GET', '/logs//', 'GET /{index} index=logs'],
  ['DELETE', '/_cluster/settings/', '* /_cluster/settings'],
  ['DELETE', '/_cluster/settings///?a=b/', '* /_cluster/settings'],
  ['DELETE', '/_cluster/%73ettings/', '* /_cluster/settings'],
  ['DELETE', 'http://example.com/_cluster/settings/', '* /_cluster/settings'],
  ['PUT', '/a/_doc/1/', 'PUT /{index}/_doc/{id} index=a id=1'],
  ['GET', '/v8.12/info/', 'GET /v{major}.{minor}/info major=8 minor=12'],
  ['GET', '/n/12/', 'GET /n/{id:[0-9]+} id=12'],
  ['GET', '/g/ac/z/', 'GET /g/{x:(a|b)c}/{y} x=ac y=z'],
  ['GET', '/src/sub/', 'GET /src/{filepath:*} filepath=sub/'],
  ['HEAD', '/logs', '* /{any:*} any=logs'],
  ['GET', '/', '* /{any:*} any='],
  ['PUT', '/a/_doc/1', 'PUT /{index}/_doc/{id} index=a id=1'],
  ['PUT', '/a/_doc/', '* /{any:*} any=a/_doc/'],
  ['PUT', '/a/_doc/x%2Fy', 'PUT /{index}/_doc/{id} index=a id=x/y'],
  ['PUT', '/%3Clogs-%7Bnow%2Fd%7D%3E/_doc/1', 'PUT /{index}/_doc/{id} index=<logs-{now/d}> id=1'],
  ['GET', '/user/gordon', 'GET /user/{user} user=gordon'],
  ['GET', '/user/gordon_admin', 'GET /user/{user}_admin user=gordon'],
  ['GET', '/user/_admin', 'GET /user/{user} user=_admin'],
  ['GET', '/user/gordon/profile', '* /{any:*} any=user/gordon/profile'],
  ['GET', '/user/', 'GET /{index} index=user'],
  ['GET', '/v8.12/info', 'GET /v{major}.{minor}/info major=8 minor=12'],
  ['GET', '/n/12', 'GET /n/{id:[0-9]+} id=12'],
  ['GET', '/n/12a', 'GET /n/{name} name=12a'],
  ['GET', '/n/abcde/five', 'GET /n/{five:[a-z]{5}}/five five=abcde'],
  ['GET', '/n/abcdef/five', '* /{any:*} any=n/abcdef/five'],
  ['GET', '/g/ac/z', 'GET /g/{x:(a|b)c}/{y} x=ac y=z'],
  ['GET', '/src/', 'GET /src/{filepath:*} filepath='],
  ['GET', '/src/somefile.go', 'GET /src/{filepath:*} filepath=somefile.go'],
  ['GET', '/src/sub/somefile.go', 'GET /src/{filepath:*} filepath=sub/somefile.go'],
  ['DELETE', '/_cluster/settings', '* /_cluster/settings'],
  ['DELETE', '/_cluster//settings', '* /_cluster/settings'],
  ['DELETE', '//_cluster/settings', '* /_cluster/settings'],
  ['DELETE', '/%5Fcluster/settings', '* /_cluster/settings'],
  ['DELETE', '/%5fcluster/%73ettings', '* /_cluster/settings'],
  ['DELETE', '/_cluster%2Fsettings', '* /{any:*} any=_cluster/settings'],
  ['DELETE', '/%255Fcluster/settings', '* /{any:*} any=%5Fcluster/settings'],
  ['DELETE', '/a/../_cluster/settings', 'REQUEST_MALFORMED'],
  ['DELETE', '/a/%2e%2E/_cluster/settings', 'REQUEST_MALFORMED'],
  ['DELETE', '/a/%2e', 'REQUEST_MALFORMED'],
  ['DELETE', '/a/..;/_cluster/settings', 'REQUEST_MALFORMED'],
  ['DELETE', '/a/%2e.;b=c/_cluster/settings', 'REQUEST_MALFORMED'],
  ['DELETE', '/.;/_cluster/settings', 'REQUEST_MALFORMED'],
  ['DELETE', '/a/.%2E/', 'REQUEST_MALFORMED'],
  ['DELETE', '/a/..%5c_cluster/settings', 'REQUEST_MALFORMED'],
  ['DELETE', '/a\\..\\_cluster/settings', 'REQUEST_MALFORMED'],
  ['DELETE', '/a%2f..%2f_cluster/settings', '* /{any:*} any=a/../_cluster/settings'],
  ['PUT', '/a/_doc/..%2Fx', 'PUT /{index}/_doc/{id} index=a id=../x'],
  ['PUT', '/a/_doc/%2e%2e%2Fx', 'PUT /{index}/_doc/{id} index=a id=../x'],
  ['PUT', '/a/_doc/%2e%2ex', 'PUT /{index}/_doc/{id} index=a id=..x'],
  ['PUT', '/a/_doc/x..', 'PUT /{index}/_doc/{id} index=a id=x..'],
  ['DELETE', '/./_cluster/settings', 'REQUEST_MALFORMED'],
  ['DELETE', '/_cluster/settings#/x', 'REQUEST_MALFORMED'],
  ['DELETE', '/a/%zz', 'REQUEST_MALFORMED'],
  ['DELETE', '/a/%', 'REQUEST_MALFORMED'],
  ['PUT', '/a/_doc/%ff', 'PUT /{index}/_doc/{id} index=a id=%FF'],
  ['PUT', '/a/_doc/caf%E9', 'PUT /{index}/_doc/{id} index=a id=caf%E9'],
  ['PUT', '/a/_doc/caf%c3%A9%ff%5f', 'PUT /{index}/_doc/{id} index=a id=café%FF_'],
  ['DELETE', '/%5Fcluster/settings%ff', '* /{any:*} any=_cluster/settings%FF'],
  ['DELETE', '/a/%00', 'REQUEST_MALFORMED'],
  ['DELETE', 'http://example.com/_cluster/settings', '* /_cluster/settings'],
  ['OPTIONS', '*', '* /{any:*} any='],
  ['GET', '/.kibana', 'GET /{index} index=.kibana'],
  ['GET', '/.ds-logs..x', 'GET /{index} index=.ds-logs..x'],
  ['GET', '/a:b', 'GET /{index} index=a:b'],
  ['NOSUCH', '/a', '* /{any:*} any=a'],
  ['GET', '/__proto__', 'GET /{index} index=__proto__'],
  ['GET', `/${'x'.repeat(600)}`, `GET /{index} index=${'x'.repeat(600)}`],
];

suite('router', () => {
  for (const order of ['as written', 'reversed']) {
    suite(`rules ${order}`, () => {
      const router = routerOf(order === 'reversed' ? rules.toReversed() : rules);
      for (const [method, target, found] of cases) {
        test(`${method} ${target.slice(0, 60)}`, () => {
          assert.equal(find(router, method, target), found);
        });
      }
    });
  }

  test('a rule that names the method goes before a rule for any method', () => {
    const router = routerOf(['* /a', 'GET /{x}']);
    assert.equal(find(router, 'GET', '/a'), 'GET /{x} x=a');
    assert.equal(find(router, 'POST', '/a'), '* /a');
  });

  test('without a rule the default flow takes the request, without one it is not found', () => {
    assert.equal(find(routerOf(['GET /a'], 'rest'), 'GET', '/b'), 'rest');
    assert.equal(find(routerOf([], 'rest'), 'GET', '/b'), 'rest');
    assert.equal(find(routerOf(['GET /a']), 'GET', '/b'), 'ROUTE_NOT_FOUND');
  });

  test('a slash at the end makes no other path, unless both spellings have a rule', () => {
    const one = routerOf(['* /a/', '* /b', '* /{any:*}']);
    assert.equal(find(one, 'GET', '/a'), '* /a/');
    assert.equal(find(one, 'GET', '/a/'), '* /a/');
    assert.equal(find(one, 'GET', '/b/'), '* /b');
    const both = routerOf(['* /a/', '* /a', '* /a/{rest:*}']);
    assert.equal(find(both, 'GET', '/a'), '* /a');
    assert.equal(find(both, 'GET', '/a/'), '* /a/');
    assert.equal(find(both, 'GET', '/a/b'), '* /a/{rest:*} rest=b');
    const deny = routerOf(['* /a', '* /a/{rest:*}', 'DELETE /{index}', '* /{any:*}']);
    assert.equal(find(deny, 'GET', '/a/'), '* /a');
    assert.equal(find(deny, 'DELETE', '/victim/'), 'DELETE /{index} index=victim');
    assert.equal(find(deny, 'GET', '/'), '* /{any:*} any=');
  });

  test('the first of two rules for the same requests counts', () => {
    const config: RouterConfig = {
      name: 'r',
      default_flow: null,
      tracing_flow: null,
      ip_access_control: null,
      rules: [
        { method: ['GET'], pattern: ['/{a}'], flow: ['one', 'two'] },
        { method: ['GET'], pattern: ['/{b}'], flow: ['three'] },
      ],
    };
    const router = new Router(config, (flows) => flows.join('+'));
    assert.equal(find(router, 'GET', '/x'), 'one+two a=x');
  });
});

/** A pattern alone: paths, and what the variables are; null when it does not take the path. */
const alone: Record<string, Record<string, string | null>> = {
  '/': { '/': '', '//': '', '/a': null, '/?q': '', '/%2F': null },
  '/a': { '/a': '', '/a/': '', '/A': null, '/a/b': null, '/%61': '', '/a?b=/c': '', '/aa': null },
  '/a/': { '/a/': '', '/a': '', '/a/b': null, '/a//': '' },
  '/user/{user}': {
    '/user/gordon': 'gordon',
    '/user/you': 'you',
    '/user/gordon/profile': null,
    '/user/': null,
    '/user': null,
    '/user/a%20b': 'a b',
    '/user/a+b': 'a+b',
    '/user/%E4%BD%A0': '\u4f60',
    '/user/a%2Fb': 'a/b',
    '/user/a%3Fb': 'a?b',
    '/user/~': '~',
    '/user/a%0Ab': 'a\nb',
  },
  '/user/{user}_admin': {
    '/user/gordon_admin': 'gordon',
    '/user/you_admin': 'you',
    '/user/you': null,
    '/user/gordon/profile': null,
    '/user/gordon_admin/profile': null,
    '/user/': null,
    '/user/_admin': null,
    '/user/a_admin_admin': 'a_admin',
    '/user/a%5Fadmin': 'a',
  },
  '/logs-{day}': { '/logs-1': '1', '/logs-': null, '/logs': null, '/log-1': null, '/logs--': '-' },
  '/v{n}x': { '/v1x': '1', '/vx': null, '/vxx': 'x', '/v1': null, '/1x': null },
  '/{a}-{b}': {
    '/x-y': 'x y',
    '/x-y-z': 'x-y z',
    '/-y': null,
    '/x-': null,
    '/xy': null,
    '/x-y/z': null,
  },
  '/{a}/{b}': { '/x/y': 'x y', '/x': null, '/x/': null, '/x/y/z': null, '//x/y': 'x y' },
  '/{a}/_doc/{b}': { '/i/_doc/1': 'i 1', '/i/_create/1': null, '/_doc/1': null },
  '/{n:[a-zA-Z]}': { '/a': 'a', '/ab': null, '/1': null, '/': null },
  '/{n:[0-9]+}': { '/0': '0', '/12': '12', '/12a': null, '/a12': null, '/%31': '1' },
  '/{n:a|b}': { '/a': 'a', '/b': 'b', '/ab': null, '/c': null },
  '/{n:(a|b)(c|d)}/{m}': { '/ac/x': 'ac x', '/bd/y': 'bd y', '/ab/x': null },
  '/{n:[0-9]{2,3}}': { '/1': null, '/12': '12', '/123': '123', '/1234': null },
  '/{n:.*}x': { '/x': '', '/ax': 'a', '/a': null },
  '/{y:\\d{4}}.{m:\\d{2}}': { '/2024.05': '2024 05', '/2024.5': null, '/2024x05': null },
  '/a.b': { '/a.b': '', '/axb': null },
  '/a(b)+$': { '/a(b)+$': '', '/ab': null },
  '/{n:(?i)abc}': { '/ABC': 'ABC', '/abd': null },
  '/{n:a/b}': { '/a%2Fb': 'a/b', '/a/b': null },
  '/{any:*}': { '/': '', '/a': 'a', '/a/b/': 'a/b/', '/a%2Fb': 'a/b', '/a?b': 'a' },
  '/src/{filepath:*}': {
    '/src/': '',
    '/src/somefile.go': 'somefile.go',
    '/src/subdir/somefile.go': 'subdir/somefile.go',
    '/src': null,
    '/srcs/a': null,
    '/src//a': 'a',
  },
  '/img-{rest:*}': { '/img-a/b': 'a/b', '/img-': '', '/img': null, '/im-a': null },
  '/{a}/x/{rest:*}': { '/i/x/y/z': 'i y/z', '/i/x/': 'i ', '/i/x': null, '/i/y/z': null },
};

suite('a pattern alone', () => {
  for (const [pattern, paths] of Object.entries(alone)) {
    const { variables } = parsePattern(pattern);
    for (const [path, values] of Object.entries(paths)) {
      test(`${pattern} ${values === null ? 'leaves' : 'takes'} ${path}`, () => {
        const context = contextOf('GET', path);
        const taken = routerOf([`GET ${pattern}`], 'rest').find(context) !== 'rest';
        assert.equal(taken, values !== null);
        if (!taken) return;
        const found = variables.map((name) => context.pathVariables?.[name]);
        assert.equal(found.join(' '), values);
      });
    }
  }

  test('there are enough cases', () => {
    const paths = Object.values(alone).flatMap((each) => Object.keys(each));
    assert.ok(paths.length + cases.length >= 150, `${paths.length + cases.length} cases`);
  });

  test('no path makes an expression slow', () => {
    const router = routerOf(['GET /{n:(a+)+}!', 'GET /{a}-{b}-{c}-{d}!'], 'rest');
    const start = performance.now();
    for (const text of ['a'.repeat(8000), 'a-'.repeat(4000)]) {
      assert.equal(router.find(contextOf('GET', `/${text}`)), 'rest');
    }
    assert.ok(performance.now() - start < 5000);
  });
});

suite('pattern', () => {
  for (const [pattern, reason] of [
    ['a', /begins with/],
    ['/{a', /"\{" without/],
    ['/a}', /"\}" without/],
    ['/{}', /needs a name/],
    ['/{a:}', /empty expression/],
    ['/{a:*}/b', /only at the end/],
    ['/*', /only in a variable/],
    ['/{a}{b}', /in between/],
    ['/{a}/{a}', /twice/],
    ['/{a:[}', /no regular expression/],
    ['/{a:(?=b)}', /no regular expression/],
    ['/{a:(b}', /no regular expression/],
  ] as const) {
    test(`${pattern} is refused`, () => {
      assert.throws(() => parsePattern(pattern), reason);
    });
  }
});

test('a router answers alike however often it is asked, whatever it was asked before', () => {
  const router = routerOf(rules, 'rest');
  const asked = cases.flatMap((each) => [each, each]);
  for (const each of [...asked, ...cases, ...cases.toReversed()]) {
    const [method, target] = each;
    assert.equal(find(router, method, target), find(routerOf(rules, 'rest'), method, target));
  }
});
