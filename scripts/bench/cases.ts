/** What is measured. Paths are those of the backends in stage.ts. */
import type { Load } from './load.ts';

export interface Case {
  readonly name: string;
  readonly load: Load;
  readonly workers: number;
}

const small: Load = { connections: 64, path: '/bench/small' };

export const cases: readonly Case[] = [
  { name: 'small GET, 64 connections', load: small, workers: 1 },
  { name: 'small GET, 512 connections', load: { ...small, connections: 512 }, workers: 1 },
  {
    name: '64 KB POST',
    load: { connections: 64, path: '/bench/post', body: 'x'.repeat(65_536) },
    workers: 1,
  },
  { name: '1 MB response', load: { connections: 16, path: '/bench/large' }, workers: 1 },
  { name: 'new connection per request', load: { ...small, close: true }, workers: 1 },
  { name: 'TLS, small GET', load: { ...small, tls: true }, workers: 1 },
  { name: 'h2, small GET', load: { ...small, h2: true }, workers: 1 },
  { name: 'small GET, 2 workers', load: small, workers: 2 },
];
