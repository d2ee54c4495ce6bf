import type { JsonSchema } from './json-schema.ts';

const noEffect = 'has no effect here';

export const envSchema: JsonSchema = {
  type: 'object',
  description:
    'Defaults for $[[env.NAME]], which any value can contain. The environment of the process takes precedence.',
  additionalProperties: true,
  examples: [{ PROD_ES_ENDPOINT: 'http://localhost:9200' }],
};

export const pathSchema: JsonSchema = {
  type: 'object',
  description: 'Folders. A relative path is relative to the file that contains it.',
  additionalProperties: false,
  default: {},
  properties: {
    data: {
      type: 'string',
      minLength: 1,
      description:
        'Folder for files of the gateway, such as its control socket. The default is next to the first configuration file.',
      default: 'data',
      examples: ['/var/lib/evergate'],
    },
    logs: {
      type: 'string',
      minLength: 1,
      description: 'Folder for log files. The default is next to the first configuration file.',
      default: 'log',
      examples: ['/var/log/evergate'],
    },
    plugins: {
      type: 'string',
      description: 'Folder of plugins of INFINI Gateway.',
      unsupported: `${noEffect}; files with filters of your own are named in "plugins"`,
    },
    configs: {
      type: 'string',
      minLength: 1,
      description:
        'Folder with further configuration files (*.yml, *.yaml, *.json, *.tpl), read in name order. By default there are none.',
      examples: ['config'],
    },
  },
};

export const pluginsSchema: JsonSchema = {
  type: 'array',
  description:
    'Files with filters of your own, relative to the file that contains the path. The default export of each is the result of `defineFilter` from the package "evergate", or a list of such results.',
  items: { type: 'string', minLength: 1 },
  examples: [['./plugins/request-id.js']],
};

const template: JsonSchema = {
  type: 'array',
  description: 'Template files, instantiated once for each item.',
  items: {
    type: 'object',
    description: 'One instance of a template file.',
    additionalProperties: false,
    required: ['path'],
    properties: {
      name: { type: 'string', description: 'Name of the instance.', examples: ['es_gw1'] },
      path: {
        type: 'string',
        minLength: 1,
        description: 'The template file, relative to the file that contains the path.',
        examples: ['./templates/gateway.tpl'],
      },
      variable: {
        type: 'object',
        description: 'Values of $[[name]] in the template file.',
        additionalProperties: true,
        examples: [{ name: 'es_gw1', binding_host: '0.0.0.0:8000' }],
      },
    },
  },
};

const strings: JsonSchema = { type: 'array', items: { type: 'string' } };

export const configsSchema: JsonSchema = {
  type: 'object',
  description: 'How configuration files are handled.',
  additionalProperties: false,
  default: {},
  properties: {
    auto_reload: {
      type: 'boolean',
      description: 'Reloads the configuration when one of its files changes.',
      default: true,
      examples: [false],
    },
    template,
    managed: {
      type: 'boolean',
      description: 'Fetches the configuration from a configuration centre.',
      unsupported: `${noEffect}: there is no configuration centre`,
    },
    servers: { ...strings, description: 'Configuration centres.', unsupported: noEffect },
    interval: {
      type: 'string',
      description: 'How often to poll the configuration centre.',
      unsupported: noEffect,
    },
    soft_delete: {
      type: 'boolean',
      description: 'Keeps files that the configuration centre deletes.',
      unsupported: noEffect,
    },
    panic_on_config_error: {
      type: 'boolean',
      description: 'Ends the program on a bad configuration.',
      unsupported: `${noEffect}: a bad configuration never stops a running gateway`,
    },
    max_backup_files: {
      type: 'integer',
      description: 'Backups of configuration files.',
      unsupported: noEffect,
    },
    valid_config_extensions: {
      ...strings,
      description: 'Endings of configuration files.',
      unsupported: `${noEffect}: these are .yml, .yaml, .json and .tpl`,
    },
    tls: { type: 'object', description: 'TLS to the configuration centre.', unsupported: noEffect },
    always_register_after_restart: {
      type: 'boolean',
      description: 'Registers with the configuration centre.',
      unsupported: noEffect,
    },
    allow_generated_metrics_tasks: {
      type: 'boolean',
      description: 'Generates tasks that collect metrics.',
      unsupported: noEffect,
    },
    manager: {
      type: 'object',
      description: 'How this gateway manages the configurations of others.',
      unsupported: `${noEffect}: there is no configuration centre`,
    },
    scheduled_task: {
      type: 'boolean',
      description: 'How the configuration centre is asked.',
      unsupported: noEffect,
    },
    config_file_managed_by_default: {
      type: 'boolean',
      description: 'Whether the configuration centre may change any file.',
      unsupported: noEffect,
    },
    ignored_path: { ...strings, description: 'Files to leave out.', unsupported: noEffect },
  },
};

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export const logSchema: JsonSchema = {
  type: 'object',
  description: 'The log of the gateway, on standard output.',
  additionalProperties: false,
  default: {},
  properties: {
    level: {
      type: 'string',
      enum: logLevels,
      description: 'Minimum level of log lines.',
      default: 'info',
      examples: ['debug'],
    },
    debug: {
      type: 'boolean',
      description: 'Ends the program on any fault.',
      unsupported: `${noEffect}; for more detail set "level" to debug`,
    },
    format: {
      type: ['string', 'boolean'],
      description: 'Layout of a log line.',
      unsupported: `${noEffect}: lines are JSON, or text on a terminal`,
    },
    disable_file_output: {
      type: 'boolean',
      description: 'Writes no log file.',
      unsupported: `${noEffect}: no log file is written anyway`,
    },
  },
};

export const instancesSchemas: Readonly<Record<string, JsonSchema>> = {
  allow_multi_instance: {
    type: 'boolean',
    description:
      'Allows several gateways to run with this configuration. The second and further ones use folders of their own below "path.data": nodes/1 and so on. Commands reach them with --socket and the path that their log contains.',
    default: false,
    examples: [true],
  },
  max_num_of_instances: {
    type: 'integer',
    minimum: 1,
    description: 'Maximum number of such gateways.',
    default: 5,
    examples: [2],
  },
};

export const workersSchema: JsonSchema = {
  anyOf: [{ type: 'integer', minimum: 1, maximum: 256 }, { const: 'auto' }],
  description: 'Number of worker processes; "auto" is one for each processor.',
  default: 'auto',
  examples: [4],
};
