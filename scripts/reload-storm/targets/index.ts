import { Caddy } from './caddy.ts';
import { Evergate } from './evergate.ts';
import { HAProxy } from './haproxy.ts';
import { Nginx } from './nginx.ts';
import type { Target, TargetOptions } from './target.ts';

const targets = {
  evergate: (options: TargetOptions): Target => new Evergate(options),
  nginx: (options: TargetOptions): Target => new Nginx(options),
  haproxy: (options: TargetOptions): Target => new HAProxy(options),
  'haproxy-idle-close': (options: TargetOptions): Target => new HAProxy(options, true),
  caddy: (options: TargetOptions): Target => new Caddy(options),
};

export type TargetName = keyof typeof targets;

export const targetNames = Object.keys(targets) as TargetName[];

/** A target that is not yet started. */
export function createTarget(name: TargetName, options: TargetOptions): Target {
  return targets[name](options);
}
