import type { FilterDefinition } from '../flow/filter.ts';
import basicAuth from './basic-auth.ts';
import clone from './clone.ts';
import contextFilter from './context-filter.ts';
import contextLimiter from './context-limiter.ts';
import contextParse from './context-parse.ts';
import contextRegexReplace from './context-regex-replace.ts';
import contextSwitch from './context-switch.ts';
import drop from './drop.ts';
import dump from './dump.ts';
import echo from './echo.ts';
import elasticsearch from './elasticsearch.ts';
import elasticsearchHealthCheck from './elasticsearch-health-check.ts';
import flow from './flow.ts';
import http from './http.ts';
import logging from './logging.ts';
import ratio from './ratio.ts';
import redirect from './redirect.ts';
import requestBodyJsonSet from './request-body-json-set.ts';
import requestClientIpFilter from './request-client-ip-filter.ts';
import requestClientIpLimiter from './request-client-ip-limiter.ts';
import requestPathLimiter from './request-path-limiter.ts';
import requestHeaderFilter from './request-header-filter.ts';
import requestMethodFilter from './request-method-filter.ts';
import responseBodyRegexReplace from './response-body-regex-replace.ts';
import responseStatusFilter from './response-status-filter.ts';
import setBasicAuth from './set-basic-auth.ts';
import setContext from './set-context.ts';
import setHostname from './set-hostname.ts';
import setRequestHeader from './set-request-header.ts';
import setRequestQueryArgs from './set-request-query-args.ts';
import setResponse from './set-response.ts';
import setResponseHeader from './set-response-header.ts';
import sleep from './sleep.ts';
import switchFlow from './switch.ts';

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

export { syntax } from '../flow/syntax.ts';
