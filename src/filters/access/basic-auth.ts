import { hash, timingSafeEqual } from 'node:crypto';
import { GatewayError } from '../../errors.ts';
import { parseBasicAuth } from '../../http/basic-auth.ts';
import type { RequestContext } from '../../http/context.ts';
import { defineFilter } from '../../flow/filter.ts';
import { answerOf } from '../abortable.ts';
import { PasswordChecker } from './password-checker.ts';

interface BasicAuthParameters {
  readonly valid_users: Readonly<Record<string, string>>;
}

export default defineFilter<BasicAuthParameters>({
  name: 'basic_auth',
  summary: 'Lets only users with a password through; everybody else is answered with 401.',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['valid_users'],
    properties: {
      valid_users: {
        type: 'object',
        additionalProperties: {
          type: 'string',
          secret: true,
          description:
            'Password of the user, or its bcrypt hash. Hashes are compared in threads of their own; clients take turns by address, and one with more than 16 comparisons waiting gets 503.',
        },
        description: 'Users and their passwords, or bcrypt hashes of them.',
        examples: [{ alice: '$[[env.ALICE_PASSWORD]]' }],
      },
    },
  },
  check({ valid_users }) {
    const bad = Object.entries(valid_users).filter(
      ([, password]) => /^\$2\w?\$/.test(password) && costOf(password) === null,
    );
    return bad.map(([user]) => {
      const message =
        'begins like a bcrypt hash and is none; expected $2a$, $2b$ or $2y$, a cost from 04 to 15, and 53 characters';
      return { path: ['valid_users', user], message };
    });
  },
  create({ valid_users }) {
    const digests = new Map<string, Buffer>();
    const hashes = new Map<string, string>();
    let cost = 0;
    for (const [user, password] of Object.entries(valid_users)) {
      const ownCost = costOf(password);
      if (ownCost === null) digests.set(user, digest(password));
      else hashes.set(user, password);
      cost = Math.max(cost, ownCost ?? 0);
    }
    if (hashes.size === 0) {
      return function basicAuth(context) {
        const credentials = parseBasicAuth(context.request.headers.get('authorization'));
        // A user that does not exist takes as long as one with a wrong password.
        const wanted = (credentials && digests.get(credentials.username)) ?? nobody;
        if (!timingSafeEqual(digest(credentials?.password ?? ''), wanted)) refuse(context);
      };
    }

    const checker = new PasswordChecker();
    const nobodysHash = `$2b$${String(cost).padStart(2, '0')}$${'.'.repeat(53)}`;
    return function basicAuth(context) {
      const credentials = parseBasicAuth(context.request.headers.get('authorization'));
      if (credentials === undefined) return refuse(context);
      const { username, password } = credentials;
      const plain = timingSafeEqual(digest(password), digests.get(username) ?? nobody);
      if (plain) return;
      const known = hashes.get(username);
      if (known !== undefined && checker.isKnown(password, known)) return;
      return check(context, password, known);
    };

    /** Who has no hash is compared with one all the same: it takes as long. */
    async function check(
      context: RequestContext,
      password: string,
      known: string | undefined,
    ): Promise<void> {
      const { remoteAddress } = context.client;
      let matches: boolean;
      try {
        const task = checker.check(password, known ?? nobodysHash, remoteAddress);
        matches = await answerOf(task, context);
      } catch (error) {
        if (error instanceof GatewayError && error.code === 'TOO_BUSY') return refuse(context, 503);
        throw error;
      }
      if (!matches || known === undefined) refuse(context);
    }
  },
});

/** Cost of a bcrypt hash; null for what is none. */
function costOf(text: string): number | null {
  const cost = /^\$2[aby]\$(0[4-9]|1[0-5])\$[./A-Za-z0-9]{53}$/.exec(text)?.[1];
  return cost === undefined ? null : Number(cost);
}

function refuse(context: RequestContext, status = 401): void {
  const { response } = context;
  response.status = status;
  response.statusText = '';
  if (status === 401) {
    response.headers.set('WWW-Authenticate', 'Basic realm="Restricted", charset="UTF-8"');
  } else response.headers.set('Retry-After', '1');
  response.headers.set('Content-Type', 'text/plain; charset=utf-8');
  response.setBody(Buffer.from(status === 401 ? 'Unauthorized' : 'Service Unavailable'));
  context.finish();
}

/** The digest of no password. */
const nobody = Buffer.alloc(32);

function digest(password: string): Buffer {
  return hash('sha256', password, 'buffer');
}
