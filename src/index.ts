/**
 * The public API: `defineFilter` for plugins, `runGateway` for programs, and every type that they
 * meet.
 */
export { defineFilter } from './flow/filter.ts';
export type {
  Filter,
  FilterDefinition,
  FilterServices,
  FlowServices,
  Handler,
  Limit,
  LimitRules,
} from './flow/filter.ts';
export type { FilterProblem } from './dialect.ts';
export type { JsonSchema, JsonType, TextSyntax } from './config/schema/json-schema.ts';
export type { HealthCheckConfig } from './config/types.ts';
export type { Field, FieldWriter } from './context/fields/rule.ts';
export type { BodyLimits, BodyNeed, Needs } from './context/requirements.ts';
export type { Template } from './context/template.ts';
export type { Body, BodySink, BodySource } from './http/body/body.ts';
export type { ObservedPart } from './http/body/capture.ts';
export type {
  AbortListener,
  ClientCertificate,
  ClientConnection,
  ForwardRecord,
  GatewayRequest,
  GatewayResponse,
  RequestContext,
} from './http/context.ts';
export type { HeaderList } from './http/headers/header-list.ts';
export type { BodyDocument } from './http/json/document.ts';
export type { JsonFault } from './http/json/fault.ts';
export type { JsonPath } from './http/json/path.ts';
export type { Message } from './http/message.ts';
export type {
  BalancerName,
  Cluster,
  ClusterConfig,
  ClusterSettings,
  ForwardOptions,
  RetryPolicy,
} from './cluster/cluster.ts';
export type { NodeFilter } from './cluster/nodes/selection.ts';
export type { TrafficLimits } from './cluster/nodes/traffic-limits.ts';
export type { ConnectionSettings, TlsSettings } from './cluster/transport/transport.ts';
export { GatewayError, type ErrorCode, type ErrorDetails } from './errors.ts';
export type { Log } from './log.ts';
export { runGateway, type RunOptions } from './run-gateway.ts';
