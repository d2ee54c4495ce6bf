import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { RouterConfig } from '../../src/config/types.ts';
import { RequestContext, GatewayRequest } from '../../src/context/context.ts';
import { HeaderList } from '../../src/context/header-list.ts';
import { GatewayError } from '../../src/errors.ts';
import { parsePattern } from '../../src/router/pattern.ts';
import { Router } from '../../src/router/router.ts';

const client = {
  remoteAddress: '127.0.0.1',
  remotePort: 1,
  localAddress: '127.0.0.1',
  localPort: 2,
  tls: false,
};

function contextOf(method: string, target: string): RequestContext {
  return new RequestContext(
    1,
    'e',
    client,
    new GatewayRequest(method, target, new HeaderList(), null),
  );
}

/** A router whose rules are `METHOD pattern`, each leading to a flow named like itself. */
function routerOf(rules: readonly string[], defaultFlow: string | null = null): Router<string> {
  const config: RouterConfig = {
    name: 'r',
    default_flow: defaultFlow,
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
  ['POST', '/logs/_bulk/', '* /{any:*} any=logs/_bulk/'],
  ['GET', '/logs', 'GET /{index} index=logs'],
  ['GET', '/logs/', '* /{any:*} any=logs/'],
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
  ['GET', '/user/', '* /{any:*} any=user/'],
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
  ['DELETE', '/a%2f..%2f_cluster/settings', 'REQUEST_MALFORMED'],
  ['DELETE', '/./_cluster/settings', 'REQUEST_MALFORMED'],
  ['DELETE', '/_cluster/settings#/x', 'REQUEST_MALFORMED'],
  ['DELETE', '/a/%zz', 'REQUEST_MALFORMED'],
  ['DELETE', '/a/%ff', 'REQUEST_MALFORMED'],
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

  test('the first of two rules for the same requests counts', () => {
    const config: RouterConfig = {
      name: 'r',
      default_flow: null,
      rules: [
        { method: ['GET'], pattern: ['/{a}'], flow: ['one', 'two'] },
        { method: ['GET'], pattern: ['/{b}'], flow: ['three'] },
      ],
    };
    const router = new Router(config, (flows) => flows.join('+'));
    assert.equal(find(router, 'GET', '/x'), 'one+two a=x');
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
  ] as const) {
    test(`${pattern} is refused`, () => {
      assert.throws(() => parsePattern(pattern), reason);
    });
  }
});
