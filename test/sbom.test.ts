/** The bill of materials that the build puts beside the program: every package that a user gets, and no tool of ours. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { z } from 'zod';

const ROOT = join(import.meta.dirname, '..');
const BillSchema = z.object({
  bomFormat: z.literal('CycloneDX'),
  specVersion: z.string(),
  metadata: z.object({ component: z.object({ name: z.string(), version: z.string() }) }),
  components: z.array(z.object({ 'bom-ref': z.string(), name: z.string(), version: z.string(), purl: z.string() })),
  dependencies: z.array(z.object({ ref: z.string(), dependsOn: z.array(z.string()) })),
});
const PackageSchema = z.object({
  version: z.string(),
  files: z.array(z.string()),
  dependencies: z.record(z.string(), z.string()),
  devDependencies: z.record(z.string(), z.string()),
});

const manifest = PackageSchema.parse(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')));
const build = () => {
  execFileSync(process.execPath, ['build.mjs'], { cwd: ROOT });
  return readFileSync(join(ROOT, 'dist/sbom.cdx.json'), 'utf8');
};

test('sbom: the build names each package that is delivered with its version, and the same again the next time', () => {
  const text = build();
  const { metadata, components, dependencies } = BillSchema.parse(JSON.parse(text));
  assert.equal(metadata.component, { name: 'nightshift', version: manifest.version });
  const refs = new Set(components.map((it) => it['bom-ref']));
  for (const [name, version] of Object.entries(manifest.dependencies)) assert.ok(refs.has(`${name}@${version}`), name);
  // Their code is part of dist/.
  const inside = ['@nats-io/jetstream', '@nats-io/nats-core', '@nats-io/transport-node', 'onnxruntime-node'];
  const has = (name: string) => [...refs].some((ref) => ref.startsWith(`${name}@`));
  for (const name of inside) assert.ok(has(name), name);
  for (const tool of ['typescript', 'prettier', 'playwright-core', 'uvu'])
    assert.not(
      components.some((it) => it.name === tool),
      tool,
    );
  for (const { ref, dependsOn } of dependencies)
    for (const wanted of dependsOn) assert.ok(refs.has(wanted), `${ref} needs ${wanted}`);
  assert.is(build(), text);
});

test('sbom: it is part of the package', () => {
  assert.ok(manifest.files.includes('dist'));
  assert.not(manifest.files.some((pattern) => pattern.startsWith('!') && /sbom/.test(pattern)));
});

test.run();
