import { hash, timingSafeEqual } from 'node:crypto';
import { parseBasicAuth } from '../context/credentials.ts';
import { textOf } from '../context/value.ts';
import { defineFilter } from '../flow/filter.ts';

interface BasicAuthParameters {
  readonly valid_users: Readonly<Record<string, string | number>>;
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
          type: ['string', 'number'],
          secret: true,
          description: 'Password of the user.',
        },
        description: 'Users and their passwords.',
        examples: [{ alice: '$[[env.ALICE_PASSWORD]]' }],
      },
    },
  },
  check({ valid_users }) {
    const hashed = Object.entries(valid_users).filter(([, password]) =>
      bcryptHash.test(textOf(password)),
    );
    return hashed.map(([user]) => {
      const message = 'bcrypt hashes are not supported yet; give the password itself';
      return { path: ['valid_users', user], message };
    });
  },
  create({ valid_users }) {
    const digests = new Map(
      Object.entries(valid_users).map(([user, password]) => [user, digest(textOf(password))]),
    );

    return function basicAuth(context) {
      const { request, response } = context;
      const credentials = parseBasicAuth(request.headers.get('authorization'));
      // A user that does not exist takes as long as one with a wrong password.
      const given = digest(credentials?.password ?? '');
      const wanted = (credentials && digests.get(credentials.username)) ?? nobody;
      if (timingSafeEqual(given, wanted)) return;
      response.status = 401;
      response.statusText = '';
      response.headers.set('WWW-Authenticate', 'Basic realm="Restricted", charset="UTF-8"');
      response.headers.set('Content-Type', 'text/plain; charset=utf-8');
      response.setBody(Buffer.from('Unauthorized'));
      context.finish();
    };
  },
});

const bcryptHash = /^\$2[abxy]\$\d\d\$[./\w]{53}$/;

/** The digest of no password. */
const nobody = Buffer.alloc(32);

function digest(password: string): Buffer {
  return hash('sha256', password, 'buffer');
}
