/** What a program that extends the gateway, or runs one, uses. */
export { defineFilter } from './flow/filter.ts';
export type { Filter, FilterDefinition, FilterServices, Handler } from './flow/filter.ts';
export type { JsonSchema } from './config/schema/schema.ts';
export type { Body, BodySink, BodySource } from './context/body.ts';
export type {
  ClientConnection,
  GatewayRequest,
  GatewayResponse,
  RequestContext,
} from './context/context.ts';
export type { HeaderList } from './context/header-list.ts';
export type { Cluster, ClusterConfig, ForwardOptions } from './upstream/cluster.ts';
export { GatewayError, type ErrorCode, type ErrorDetails } from './errors.ts';
export { runGateway, type RunOptions } from './run-gateway.ts';
