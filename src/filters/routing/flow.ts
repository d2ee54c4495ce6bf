import type { RequestContext } from '../../http/context.ts';
import { Expression } from '../../context/expression.ts';
import { textOf } from '../../context/value.ts';
import { inSequence } from '../../flow/runner.ts';
import { defineFilter, type FilterServices, type Handler } from '../../flow/filter.ts';

interface ContextFlow {
  readonly context: string;
  readonly context_parse_pattern?: string;
  readonly flow_id_template: string;
  readonly continue: boolean;
}

interface FlowParameters {
  readonly flow?: string;
  readonly flows: readonly string[];
  readonly ignore_undefined_flow?: boolean;
  readonly context_flow?: ContextFlow;
}

export default defineFilter<FlowParameters>({
  name: 'flow',
  summary: 'Runs other flows, and then goes on with this one.',
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      flow: {
        type: 'string',
        references: 'flow',
        forgivenBy: 'ignore_undefined_flow',
        syntax: 'template',
        description: 'Name of a flow to run, after `flows` where both are given.',
        examples: ['request_logging'],
      },
      flows: {
        type: 'array',
        forgivenBy: 'ignore_undefined_flow',
        items: { type: 'string', references: 'flow', syntax: 'template' },
        default: [],
        description: 'Names of several flows to run, one after the other.',
        examples: [['authenticate', 'request_logging']],
      },
      ignore_undefined_flow: {
        type: 'boolean',
        description:
          'Whether the request just goes on where there is no flow of the name. Without it a name that was made for the request may be that of no flow, and one that is written here may not.',
        examples: [true],
      },
      context_flow: {
        type: 'object',
        additionalProperties: false,
        required: ['context', 'flow_id_template'],
        description: 'Runs the flow whose name follows from a context value.',
        properties: {
          context: {
            type: 'string',
            syntax: 'field',
            description: 'The value to look at.',
            examples: ['_ctx.request.host'],
          },
          context_parse_pattern: {
            type: 'string',
            syntax: 'expression',
            description: 'Regular expression whose named groups can stand in the template.',
            examples: ['(?P<tenant>^[0-9a-z_\\-]+)\\.'],
          },
          flow_id_template: {
            type: 'string',
            syntax: 'template',
            description: 'Name of the flow.',
            examples: ['flow_$[[tenant]]'],
          },
          continue: {
            type: 'boolean',
            default: false,
            description: 'Whether the filters behind this one run, too, after such a flow.',
          },
        },
      },
    },
  },
  check({ flow, flows, context_flow }) {
    if (flow !== undefined || flows.length > 0 || context_flow !== undefined) return [];
    return [{ path: [], message: 'expected one of flow, flows and context_flow' }];
  },
  create(parameters, services) {
    const { flow, flows, context_flow: contextFlow } = parameters;
    const names = flow === undefined ? flows : [...flows, flow];
    const { ignore_undefined_flow: ignoring } = parameters;
    const handlers = names.map((name) => named(name, ignoring, services));
    if (contextFlow) handlers.unshift(mapped(contextFlow, ignoring ?? true, services));
    return inSequence(handlers);
  },
});

/** A flow by its name, which may hold templates. */
function named(name: string, ignoring: boolean | undefined, services: FilterServices): Handler {
  const { constant, render } = services.template(name);
  if (constant !== undefined && ignoring !== true) return services.flow(constant);
  const find = finder(services, true, ignoring ?? true);
  return (context) => find(render(context))?.(context);
}

/** The flow whose name follows from a context value. */
function mapped(
  contextFlow: ContextFlow,
  ignoreUndefined: boolean,
  services: FilterServices,
): Handler {
  const { read } = services.field(contextFlow.context);
  const { context_parse_pattern: pattern } = contextFlow;
  const expression = pattern === undefined ? null : new Expression(pattern);
  const parts = services.template(contextFlow.flow_id_template).parts;

  const nameFor = (context: RequestContext): string => {
    const groups = expression?.groups(textOf(read(context))) ?? {};
    const texts = parts.map((part) => {
      if (typeof part === 'string') return part;
      return Object.hasOwn(groups, part.name) ? groups[part.name] : textOf(part.read(context));
    });
    return texts.join('');
  };

  const find = finder(services, contextFlow.continue, ignoreUndefined);
  return (context) => find(nameFor(context))?.(context);
}

function finder(
  { flowByName }: FilterServices,
  goOn: boolean,
  ignoreUndefined: boolean,
): (name: string) => Handler | undefined {
  const find = flowByName(goOn);
  return (name) => {
    const flow = find(name);
    if (flow === undefined && !ignoreUndefined) throw new Error(`there is no flow "${name}"`);
    return flow;
  };
}
