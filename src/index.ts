/** What a program that extends the gateway, or runs one, uses. */
export { defineFilter } from './flow/filter.ts';
export type { Filter, FilterDefinition, FilterServices, Handler } from './flow/filter.ts';
export type { JsonSchema } from './config/schema/json-schema.ts';
export type { Body, BodySink, BodySource } from './http/body/body.ts';
export type {
  ClientConnection,
  GatewayRequest,
  GatewayResponse,
  RequestContext,
} from './http/context.ts';
export type { HeaderList } from './http/headers/header-list.ts';
export type { Cluster, ClusterConfig, ForwardOptions } from './cluster/cluster.ts';
export { GatewayError, type ErrorCode, type ErrorDetails } from './errors.ts';
export { runGateway, type RunOptions } from './run-gateway.ts';
