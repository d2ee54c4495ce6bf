import { basicAuth } from '../../http/basic-auth.ts';
import { defineFilter } from '../../flow/filter.ts';

interface SetBasicAuthParameters {
  readonly username: string;
  readonly password: string;
}

export default defineFilter<SetBasicAuthParameters>({
  name: 'set_basic_auth',
  summary: 'Sets the user and password that the request comes with.',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['username', 'password'],
    properties: {
      username: {
        type: 'string',
        syntax: 'template',
        description: 'Name of the user.',
        examples: ['admin'],
      },
      password: {
        type: 'string',
        syntax: 'template',
        secret: true,
        description: 'Password of the user.',
        examples: ['$[[env.ES_PASSWORD]]'],
      },
    },
  },
  create(parameters, { template }) {
    const username = template(parameters.username);
    const password = template(parameters.password);

    return function setBasicAuth(context) {
      const credentials = {
        username: username.render(context),
        password: password.render(context),
      };
      context.request.headers.set('Authorization', basicAuth(credentials));
    };
  },
});
