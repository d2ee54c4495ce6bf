/** Who takes part: each proxies the same paths to the same backends, plain and over TLS. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installed } from './processes.ts';
import type { Setting } from './stage.ts';

export interface Contestant {
  readonly name: string;
  /** What is missing to run it, or null. */
  readonly missing: string | null;
  /** Whether it serves TLS, and HTTP/2 over it. */
  readonly tls: boolean;
  readonly h2: boolean;
  /** Writes its configuration; answers its command line. */
  prepare(setting: Setting): string[];
  /** The signal by which the running process takes up its configuration anew. */
  readonly reload?: NodeJS.Signals;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const lacks = (program: string): string | null =>
  installed(program) ? null : `${program} is not installed`;

const nginx: Contestant = {
  name: 'nginx',
  missing: lacks('nginx'),
  tls: true,
  h2: true,
  reload: 'SIGHUP',
  prepare({ folder, port, tlsPort, backends, workers, certificate, key }) {
    const file = join(folder, 'nginx.conf');
    writeFileSync(
      file,
      `daemon off; user root; worker_processes ${workers}; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
worker_rlimit_nofile 20000;
events { worker_connections 8192; }
http {
  access_log off; client_body_buffer_size 128k; client_max_body_size 16m; keepalive_requests 1000000;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/f;
  uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  upstream backend { ${backends.map((each) => `server 127.0.0.1:${each};`).join(' ')} keepalive 128; keepalive_requests 1000000; }
  server {
    listen 127.0.0.1:${port} reuseport backlog=4096; listen 127.0.0.1:${tlsPort} ssl http2 reuseport backlog=4096;
    ssl_certificate ${certificate}; ssl_certificate_key ${key};
    # Ours tells the backend of the client unless told not to: so does this.
    location / {
      proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $host; proxy_set_header Forwarded "for=$remote_addr;proto=$scheme;host=$host";
    }
  }
}
`,
    );
    return ['nginx', '-c', file, '-p', folder];
  },
};

const haproxy: Contestant = {
  name: 'HAProxy',
  missing: lacks('haproxy'),
  tls: true,
  h2: true,
  prepare({ folder, port, tlsPort, backends, workers, certificate, key }) {
    const pem = join(folder, 'pair.pem');
    execFileSync('sh', ['-c', 'cat "$0" "$1" > "$2"', certificate, key, pem]);
    const file = join(folder, 'haproxy.cfg');
    writeFileSync(
      file,
      `global
  nbthread ${workers}
  maxconn 8192
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend front
  bind 127.0.0.1:${port}
  bind 127.0.0.1:${tlsPort} ssl crt ${pem} alpn h2,http/1.1
  default_backend back
backend back
  http-reuse always
${backends.map((each, i) => `  server s${i} 127.0.0.1:${each}`).join('\n')}
`,
    );
    return ['haproxy', '-db', '-f', file];
  },
};

const caddy: Contestant = {
  name: 'Caddy',
  missing: lacks('caddy'),
  tls: true,
  h2: true,
  prepare({ folder, port, tlsPort, backends, workers, certificate, key }) {
    const file = join(folder, 'Caddyfile');
    const proxy = `reverse_proxy ${backends.map((each) => `127.0.0.1:${each}`).join(' ')}`;
    writeFileSync(
      file,
      `{
  admin off
  auto_https off
}
http://127.0.0.1:${port} {
  ${proxy}
}
https://127.0.0.1:${tlsPort}, https://localhost:${tlsPort} {
  tls ${certificate} ${key}
  ${proxy}
}
`,
    );
    return [
      'env',
      `GOMAXPROCS=${workers}`,
      `HOME=${folder}`,
      'caddy',
      'run',
      '--config',
      file,
      '--adapter',
      'caddyfile',
    ];
  },
};

/** A Node proxy of other people's making, run from a script here. */
function nodeProxy(name: string, script: string, packages: readonly string[]): Contestant {
  const absent = packages.find((each) => {
    try {
      import.meta.resolve(each);
      return false;
    } catch {
      return true;
    }
  });
  return {
    name,
    missing: absent ? `the package ${absent} is not installed` : null,
    tls: false,
    h2: false,
    prepare: ({ port, backends }) => [
      process.execPath,
      fileURLToPath(new URL(script, import.meta.url)),
      `${port}`,
      ...backends.map(String),
    ],
  };
}

const twentyRules = Array.from(
  { length: 20 },
  (_, i) =>
    `      - { method: [GET, POST], pattern: ["/service-${i}/{id}", "/service-${i}/{id}/items"], flow: proxy }`,
).join('\n');

/** Filters of the complete gateway; the plain one has the proxying filter only. */
const flows = {
  complete: `  - name: proxy
    filter:
      - set_request_header:
          when: { prefix: { _ctx.request.path: /bench } }
          headers: ["X-Gateway -> evergate"]
      - elasticsearch: { elasticsearch: bench }`,
  plain: `  - name: proxy
    filter:
      - elasticsearch: { elasticsearch: bench }`,
} as const;

function evergate(name: string, program: string, flow: keyof typeof flows): Contestant {
  return {
    name,
    missing: null,
    tls: true,
    h2: true,
    reload: 'SIGHUP',
    prepare: (setting) => evergateCommand(program, setting, twentyRules, flows[flow]),
  };
}

/** Writes a configuration; answers the command line that runs it. */
export function evergateCommand(
  program: string,
  { folder, port, tlsPort, backends, workers, certificate, key }: Setting,
  rules: string,
  flow: string,
): string[] {
  const file = join(folder, 'evergate.yml');
  writeFileSync(
    file,
    `path: { data: ${folder}/data, logs: ${folder}/log }
configs.auto_reload: false
entry:
  - { name: plain, router: main, network.binding: "127.0.0.1:${port}" }
  - { name: tls, router: main, network.binding: "127.0.0.1:${tlsPort}", tls: { enabled: true, cert_file: ${certificate}, key_file: ${key} } }
router:
  - name: main
    default_flow: proxy
    rules:
${rules}
flow:
${flow}
elasticsearch:
  - name: bench
    endpoints: [${backends.map((each) => `"http://127.0.0.1:${each}"`).join(', ')}]
`,
  );
  return [process.execPath, program, 'run', '-c', file, '--workers', `${workers}`];
}

/** The gateway as another revision had it, built in a folder of its own. */
export function revision(rev: string, folder: string): Contestant {
  const tree = join(folder, `revision-${rev.replace(/\W/g, '-')}`);
  mkdirSync(tree, { recursive: true });
  execFileSync('sh', ['-c', `git -C "$0" archive "$1" | tar -x -C "$2"`, root, rev, tree]);
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'));
  build(tree);
  return evergate(`Evergate at ${rev}`, join(tree, 'dist/cli.js'), 'complete');
}

/** Builds the working tree and keeps that build for as long as the benchmark runs; answers its program. */
export function builtProgram(folder: string): string {
  build(root);
  const built = join(folder, 'evergate');
  cpSync(join(root, 'dist'), join(built, 'dist'), { recursive: true });
  cpSync(join(root, 'package.json'), join(built, 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(built, 'node_modules'));
  return join(built, 'dist/cli.js');
}

function build(tree: string): void {
  execFileSync(process.execPath, ['scripts/build.ts'], { cwd: tree, stdio: 'inherit' });
}

/** Everyone who could take part, ours first. */
export function contestants(program: string): Contestant[] {
  return [
    evergate('Evergate', program, 'complete'),
    evergate('Evergate, one filter', program, 'plain'),
    nginx,
    haproxy,
    caddy,
    nodeProxy('@fastify/http-proxy', 'fastify-proxy.ts', ['fastify', '@fastify/http-proxy']),
    nodeProxy('http-proxy-3', 'http-proxy-3.ts', ['http-proxy-3']),
  ];
}
