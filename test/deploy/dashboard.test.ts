/**
 * The dashboard of deploy/monitoring by the rules of Grafana's dashboard linter, which needs Go and could not be had here:
 * each panel says what it shows, asks a data source that can be chosen, and counts what can be counted. promtool reads its
 * expressions, where it is installed. Which metrics there are is looked at in definitions.test.ts.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { METRICS, type MetricName } from '../../actors/gateway/metrics/definitions.ts';
import { DEPLOY, hasTool, unless } from '../support/deploy.ts';
import { withFolder } from '../support/folder.ts';

interface Source {
  readonly type: string;
  readonly uid: string;
}
interface Panel {
  readonly id: number;
  readonly title: string;
  readonly description?: string;
  readonly datasource: Source;
  readonly fieldConfig: { readonly defaults: { readonly unit?: string } };
  readonly targets: readonly { readonly expr: string; readonly legendFormat?: string; readonly refId: string }[];
}
interface Variable {
  readonly name: string;
  readonly type: string;
  readonly label: string;
  readonly datasource?: Source;
  readonly refresh?: number;
}
interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Variable[] };
  readonly annotations: { readonly list: readonly { readonly datasource: Source; readonly expr: string }[] };
}
const { panels, templating, annotations } = JSON.parse(
  readFileSync(join(DEPLOY, 'monitoring/dashboard.json'), 'utf8'),
) as Dashboard;
const asked = panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ title, expr })));

test('dashboard: each panel says in a sentence what it shows, has a unit, and names each of its lines', () => {
  for (const { title, description = '', fieldConfig, targets } of panels) {
    assert.match(description, /^[A-Z0-9].{10,}\.$/, title);
    assert.ok(fieldConfig.defaults.unit, title);
    assert.ok(targets.length > 0, title);
    for (const { legendFormat = '' } of targets) assert.is.not(legendFormat, '', title);
    assert.is(new Set(targets.map(({ refId }) => refId)).size, targets.length, title);
  }
  assert.is(new Set(panels.map(({ id }) => id)).size, panels.length);
});

test('dashboard: the data source is chosen in one place, and lists of names are looked up anew with the time', () => {
  const [source, ...others] = templating.list;
  assert.equal([source!.name, source!.type, source!.label], ['datasource', 'datasource', 'Data source']);
  const wanted = { type: 'prometheus', uid: '${datasource}' };
  for (const { datasource } of [...panels, ...annotations.list, ...others]) assert.equal(datasource, wanted);
  for (const { name, label, refresh } of others) assert.equal([refresh, label.length > 0], [2, true], name);
});

/** The name before a selector or a range. */
const SELECTED = /(?:(\w+)\()?(nightshift_\w+)(?:\{[^}]*\})?(\[[^\]]*\])?/g;

test('dashboard: counters are shown as rates, over the window that fits the zoom, or as increases of a day', () => {
  for (const { title, expr } of asked) {
    for (const [, by, name, range] of expr.matchAll(SELECTED)) {
      const counted = name! in METRICS && METRICS[name as MetricName].type === 'gauge' ? 'gauge' : 'counter';
      if (counted === 'gauge') assert.is(range, undefined, `${title}: ${expr}`);
      else
        assert.ok(
          `${by}${range}` === 'rate[$__rate_interval]' || `${by}${range}` === 'increase[1d]',
          `${title}: ${expr}`,
        );
    }
  }
});

const promtool = process.env['NIGHTSHIFT_PROMTOOL'] ?? 'promtool';
unless(hasTool(promtool, ['--version']), 'promtool', 'dashboard: promtool reads each expression', () =>
  withFolder(async (folder) => {
    const values: Readonly<Record<string, string>> = { $__rate_interval: '5m', $model: '.*' };
    const exprs = [...asked.map(({ expr }) => expr), ...annotations.list.map(({ expr }) => expr)].map((expr) =>
      expr.replaceAll(/\$\w+/g, (variable) => values[variable] ?? variable),
    );
    const rules = exprs.map((expr, index) => ({ record: `panel:${index}`, expr }));
    const file = join(folder, 'rules.json');
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] })); // JSON is YAML.
    execFileSync(promtool, ['check', 'rules', file], { stdio: 'pipe' });
  }),
);

test.run();
