import type { FilterDefinition } from '../flow/filter.ts';
import basicAuth from './access/basic-auth.ts';
import clone from './routing/clone.ts';
import contextFilter from './deciding/context-filter.ts';
import contextLimiter from './limiting/context-limiter.ts';
import contextParse from './changing/context-parse.ts';
import contextRegexReplace from './changing/context-regex-replace.ts';
import contextSwitch from './routing/context-switch.ts';
import drop from './output/drop.ts';
import dump from './output/dump.ts';
import echo from './output/echo.ts';
import elasticsearch from './forwarding/elasticsearch.ts';
import elasticsearchHealthCheck from './forwarding/elasticsearch-health-check.ts';
import flow from './routing/flow.ts';
import http from './forwarding/http.ts';
import logging from './output/logging.ts';
import ratio from './routing/ratio.ts';
import redirect from './routing/redirect.ts';
import requestBodyJsonSet from './changing/request-body-json-set.ts';
import requestClientIpFilter from './deciding/request-client-ip-filter.ts';
import requestClientIpLimiter from './limiting/request-client-ip-limiter.ts';
import requestPathLimiter from './limiting/request-path-limiter.ts';
import requestHeaderFilter from './deciding/request-header-filter.ts';
import requestMethodFilter from './deciding/request-method-filter.ts';
import responseBodyRegexReplace from './changing/response-body-regex-replace.ts';
import responseStatusFilter from './deciding/response-status-filter.ts';
import setBasicAuth from './changing/set-basic-auth.ts';
import setContext from './changing/set-context.ts';
import setHostname from './changing/set-hostname.ts';
import setRequestHeader from './changing/set-request-header.ts';
import setRequestQueryArgs from './changing/set-request-query-args.ts';
import setResponse from './output/set-response.ts';
import setResponseHeader from './changing/set-response-header.ts';
import sleep from './output/sleep.ts';
import switchFlow from './routing/switch.ts';

/** Every built-in filter. A new one is a new file and a line here. */
export const filters: readonly FilterDefinition[] = [
  // Output and debugging
  echo,
  setResponse,
  drop,
  dump,
  logging,
  sleep,
  // Changing
  setContext,
  setRequestHeader,
  setRequestQueryArgs,
  setResponseHeader,
  setHostname,
  setBasicAuth,
  contextParse,
  contextRegexReplace,
  requestBodyJsonSet,
  responseBodyRegexReplace,
  // Deciding
  contextFilter,
  requestMethodFilter,
  requestHeaderFilter,
  requestClientIpFilter,
  responseStatusFilter,
  // Access
  basicAuth,
  // Limiting
  requestClientIpLimiter,
  requestPathLimiter,
  contextLimiter,
  // Routing
  flow,
  switchFlow,
  contextSwitch,
  ratio,
  clone,
  redirect,
  // Forwarding
  http,
  elasticsearch,
  elasticsearchHealthCheck,
];
