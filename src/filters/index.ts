import type { FilterDefinition } from '../flow/filter.ts';
import basicAuth from './access/basic-auth.ts';
import clone from './routing/clone.ts';
import contextFilter from './deciding/context-filter.ts';
import contextParse from './changing/context-parse.ts';
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
import { contextRegexReplace, responseBodyRegexReplace } from './changing/regex-replace.ts';
import requestBodyJsonSet from './changing/request-body-json-set.ts';
import { contextLimiter, requestClientIpLimiter } from './limiting/key-limiters.ts';
import requestPathLimiter from './limiting/request-path-limiter.ts';
import {
  requestClientIpFilter,
  requestHeaderFilter,
  requestMethodFilter,
  responseStatusFilter,
} from './deciding/request-filters.ts';
import setBasicAuth from './changing/set-basic-auth.ts';
import setContext from './changing/set-context.ts';
import { setRequestHeader, setResponseHeader } from './changing/set-headers.ts';
import setHostname from './changing/set-hostname.ts';
import setRequestQueryArgs from './changing/set-request-query-args.ts';
import setResponse from './output/set-response.ts';
import sleep from './output/sleep.ts';
import switchFlow from './routing/switch.ts';

/** Every built-in filter. A new one is added to this list. */
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
