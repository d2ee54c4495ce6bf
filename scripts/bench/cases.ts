/** What is measured. Paths are those of the backend in backend.ts. */
import type { Load } from './load.ts';

export interface Case {
  readonly name: string;
  readonly load: Load;
  readonly workers: number;
}

const small = '/bench/small';

export const cases: readonly Case[] = [
  { name: 'small GET, 64 connections', load: { connections: 64, path: small }, workers: 1 },
  { name: 'small GET, 512 connections', load: { connections: 512, path: small }, workers: 1 },
  { name: '64 KB POST', load: { connections: 64, path: '/bench/post', post: 65536 }, workers: 1 },
  { name: '1 MB response', load: { connections: 16, path: '/bench/large' }, workers: 1 },
  {
    name: 'new connection per request',
    load: { connections: 64, path: small, close: true },
    workers: 1,
  },
  { name: 'TLS, small GET', load: { connections: 64, path: small, tls: true }, workers: 1 },
  { name: 'h2, small GET', load: { connections: 64, path: small, h2: true }, workers: 1 },
  { name: 'small GET, 2 workers', load: { connections: 64, path: small }, workers: 2 },
];
