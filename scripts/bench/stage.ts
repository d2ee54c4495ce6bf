/** What all contestants stand before: two backends, a certificate, a folder for their files. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../free-port.ts';
import { start, untilListening } from './processes.ts';

/** What one contestant is to use. */
export interface Setting {
  /** A folder of the contestant's own. */
  readonly folder: string;
  readonly port: number;
  readonly tlsPort: number;
  /** Ports of the two backends on 127.0.0.1. */
  readonly backends: readonly [number, number];
  readonly workers: number;
  readonly certificate: string;
  readonly key: string;
}

export interface Stage {
  /** For whatever is written during the benchmark. */
  readonly folder: string;
  setting(name: string, workers: number): Promise<Setting>;
}

/** @param pinned gives the backends the processor of the load */
export async function setStage(folder: string, pinned: boolean): Promise<Stage> {
  const certificate = join(folder, 'certificate.pem');
  const key = join(folder, 'key.pem');
  const request = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ${key} -out ${certificate} -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1`;
  execFileSync('openssl', request.split(' '), { stdio: 'ignore' });
  const backends = await startBackends(folder, pinned);
  let last = 0;
  return {
    folder,
    async setting(name, workers) {
      const own = join(folder, `${name.replace(/\W/g, '-')}-${++last}`);
      mkdirSync(own, { recursive: true });
      const [port, tlsPort] = [await freePort(), await freePort()];
      return { folder: own, port, tlsPort, backends, workers, certificate, key };
    },
  };
}

/** nginx, since a slow backend would be what is measured. */
async function startBackends(folder: string, pinned: boolean): Promise<[number, number]> {
  const ports: [number, number] = [await freePort(), await freePort()];
  const file = join(folder, 'backend.conf');
  const json = `{"took":1,"hits":{"total":{"value":1},"hits":[{"_id":"1","_source":{"text":"${'x'.repeat(157)}"}}]}}`;
  writeFileSync(join(folder, 'large'), 'x'.repeat(1024 * 1024));
  writeFileSync(
    file,
    `daemon off; user root; worker_processes 1; pid ${folder}/backend.pid; error_log ${folder}/backend.log;
worker_rlimit_nofile 20000;
events { worker_connections 8192; }
http {
  access_log off; keepalive_requests 10000000; client_max_body_size 16m; client_body_buffer_size 128k;
  client_body_temp_path ${folder}/b1; proxy_temp_path ${folder}/b2; fastcgi_temp_path ${folder}/b3; uwsgi_temp_path ${folder}/b4; scgi_temp_path ${folder}/b5;
  server {
    ${ports.map((port) => `listen 127.0.0.1:${port} backlog=4096;`).join(' ')}
    location = /bench/large { root ${folder}; try_files /large =404; default_type text/plain; }
    location = /bench/post { client_body_in_single_buffer on; default_type application/json; return 200 '${json}'; }
    location / { default_type application/json; return 200 '${json}'; }
  }
}
`,
  );
  start(['nginx', '-c', file, '-p', folder], pinned ? '1' : undefined);
  await untilListening(ports[0]);
  return ports;
}
