// @ts-check
/**
 * The bill of materials of the package, as CycloneDX: what `npm sbom` knows of the dependencies that are installed with
 * it, and of the development dependencies whose code became part of dist/. Tools that only build and test are left out.
 * Called by build.mjs. The same sources give the same bytes.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = import.meta.dirname;
const BYTES_MAX = 64 * 1024 * 1024;
/** npm marks with it what is installed for developers alone. */
const DEVELOPMENT = 'cdx:npm:package:development';

/**
 * @typedef {object} Component
 * @property {string} bom-ref
 * @property {{ name: string, value: string }[]} [properties]
 *
 * @typedef {object} Bill
 * @property {string} [serialNumber]
 * @property {{ timestamp?: string, component: { name: string } }} metadata
 * @property {Component[]} components
 * @property {{ ref: string, dependsOn: string[] }[]} dependencies
 */

/** The text of the file. @param {readonly string[]} bundled files of node_modules that became part of dist/ */
export function billOfMaterials(bundled) {
  const text = execFileSync('npm', ['sbom', '--sbom-format', 'cyclonedx'], { cwd: ROOT, maxBuffer: BYTES_MAX });
  /** @type {Bill} */
  const bill = JSON.parse(text.toString('utf8'));
  const inside = new Set(bundled.map(packageOf));
  const isDelivered = (/** @type {Component} */ it) => inside.has(it['bom-ref']) || !isForDevelopers(it);
  const components = bill.components.filter(isDelivered).map((component) => ({
    ...component,
    properties: (component.properties ?? []).filter(({ name }) => name !== DEVELOPMENT),
  }));
  const own = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const refs = new Set([`${own.name}@${own.version}`, ...components.map((it) => it['bom-ref'])]);
  const dependencies = bill.dependencies
    .filter(({ ref }) => refs.has(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((it) => refs.has(it)) }));
  // npm takes the name of the folder, a random number and the time.
  const { serialNumber: _number, metadata, ...rest } = bill;
  const { timestamp: _time, ...about } = metadata;
  const named = { ...about, component: { ...about.component, name: own.name } };
  return `${JSON.stringify({ ...rest, metadata: named, components, dependencies }, null, 2)}\n`;
}

const isForDevelopers = (/** @type {Component} */ { properties = [] }) =>
  properties.some(({ name }) => name === DEVELOPMENT);

/** `name@version` of the package in which a file of node_modules lies. @param {string} file */
function packageOf(file) {
  const [, folder] = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file) ?? [];
  if (folder === undefined) throw new Error(`sbom: ${file} lies in no package`);
  const { name, version } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'));
  return `${name}@${version}`;
}
