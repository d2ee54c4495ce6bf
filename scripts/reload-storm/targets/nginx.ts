import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { childrenOf, run, start } from '../processes.ts';
import { Peer } from './peer.ts';
import { type Setting, type TargetOptions, VERSION_PATH } from './target.ts';

/** nginx: workers under a master, `nginx -s reload`. */
export class Nginx extends Peer {
  override readonly name = 'nginx';
  override title = 'nginx';
  readonly #file: string;

  constructor(options: TargetOptions) {
    super(options);
    this.#file = join(options.folder, 'nginx.conf');
  }

  override save({ version, workers }: Setting): void {
    const { folder, port, backendPort, reusePort } = this.options;
    writeFileSync(
      this.#file,
      `${process.getuid?.() === 0 ? 'user root;' : ''}
daemon off;
worker_processes ${workers};
pid ${folder}/nginx.pid;
error_log ${folder}/nginx.log;
events { worker_connections 8192; }
http {
  access_log off;
  keepalive_timeout 75s;
  keepalive_requests 1000000;
  client_max_body_size 0;
  proxy_request_buffering off;
  proxy_max_temp_file_size 0;
  client_body_temp_path ${folder}/nginx-client;
  proxy_temp_path ${folder}/nginx-proxy;
  fastcgi_temp_path ${folder}/nginx-fastcgi;
  uwsgi_temp_path ${folder}/nginx-uwsgi;
  scgi_temp_path ${folder}/nginx-scgi;
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  upstream backend { server 127.0.0.1:${backendPort}; keepalive 128; }
  server {
    listen 127.0.0.1:${port} backlog=4096${reusePort ? ' reuseport' : ''};
    location = ${VERSION_PATH} { return 200 "${version}"; }
    location / {
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
    }
  }
}
`,
    );
  }

  override async start(): Promise<void> {
    const { folder } = this.options;
    this.title = (await run(folder, 'nginx', ['-v'])).trim().replace(/^.*nginx\//, 'nginx ');
    this.main = start(folder, 'nginx.log', 'nginx', this.#arguments);
  }

  get #arguments(): string[] {
    const { folder } = this.options;
    return ['-p', folder, '-e', join(folder, 'nginx.log'), '-c', this.#file];
  }

  override async reload(): Promise<void> {
    await run(this.options.folder, 'nginx', [...this.#arguments, '-s', 'reload']);
  }

  override workers = (): number[] => childrenOf(this.main?.pid ?? -1);
}
