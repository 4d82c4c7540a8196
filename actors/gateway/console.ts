/**
 * The console: the page for people at `/`, with its script and its style sheet (console/, made into dist/console). The files
 * hold no data, so anybody may fetch them; all that they show is asked of `/api/v1` with the rights of whoever looks.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import { programRoot } from '../../runtime/program.ts';

/** Nothing but the gateway's own files and answers; pictures of samples come inside of answers. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const FILES = [
  { route: '/', file: 'index.html', type: 'text/html; charset=utf-8' },
  { route: '/console/main.js', file: 'main.js', type: 'text/javascript; charset=utf-8' },
  { route: '/console/main.css', file: 'main.css', type: 'text/css; charset=utf-8' },
] as const;

export function addConsole(app: FastifyInstance): void {
  for (const { route, file, type } of FILES) {
    const content = readFileSync(join(programRoot(), 'dist/console', file));
    const zipped = gzipSync(content, { level: 9 });
    const tag = `"${createHash('sha256').update(content).digest('hex').slice(0, 32)}"`;
    const headers = {
      ...{ 'content-security-policy': POLICY, 'cache-control': 'no-cache', etag: tag, vary: 'accept-encoding' },
      'content-type': type,
    };
    app.get(route, { config: { open: true } }, ({ headers: asked }, reply) => {
      reply.headers(headers);
      if (asked['if-none-match'] === tag) return reply.code(304).send();
      const takesZipped = /\bgzip\b/.test(String(asked['accept-encoding']));
      return takesZipped ? reply.header('content-encoding', 'gzip').send(zipped) : reply.send(content);
    });
  }
}
