/** The table of metrics against all that names them: docs/metrics.md, the alert rules, the dashboard, the runbook. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { definitionOf, METRICS, type MetricName } from '../../../../actors/gateway/metrics/definitions.ts';

const ROOT = join(import.meta.dirname, '../../../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook_url: string };
}
const alerts = (parse(read('deploy/monitoring/alerts.yaml')) as { groups: { rules: Alert[] }[] }).groups.flatMap(
  ({ rules }) => rules,
);
interface Panel {
  readonly title: string;
  readonly targets: readonly { readonly expr: string }[];
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
}
const { panels } = JSON.parse(read('deploy/monitoring/dashboard.json')) as { panels: readonly Panel[] };

/** Names in an expression, and the labels that it selects or groups by. */
const namesIn = (expr: string) => [...expr.matchAll(/\bnightshift_\w+/g)].map(([name]) => name);
const metricOf = (name: string) =>
  name in METRICS ? (name as MetricName) : (name.replace(/_(bucket|sum|count)$/, '') as MetricName);

test('metrics: docs/metrics.md has each with its kind, labels and meaning, and no other', () => {
  const rows = [...read('docs/metrics.md').matchAll(/^\| `(nightshift_\w+)` +\| (\w+) +\| (.*?) *\| (.+?) +\|$/gm)];
  const told = rows.map(([, name, kind, labels, help]) => [name, [kind, labels, help]]);
  const expected = (Object.keys(METRICS) as MetricName[]).map((name) => {
    const { type, labels, help } = definitionOf(name);
    return [name, [type, labels.map((it) => `\`${it}\``).join(', '), help]];
  });
  assert.equal(Object.fromEntries(told), Object.fromEntries(expected));
});

test('metrics: names say their unit, counters end in _total, and only they do', () => {
  for (const name of Object.keys(METRICS) as MetricName[]) {
    const { type, buckets } = definitionOf(name);
    assert.is(name.endsWith('_total'), type === 'counter', name);
    if (type === 'histogram') assert.match(name, /_seconds$/);
    assert.equal(
      buckets ?? [],
      [...(buckets ?? [])].sort((a, b) => a - b),
    );
  }
});

test('metrics: alerts and panels ask for metrics that exist, by labels that they have', () => {
  const asked = [
    ...alerts.map(({ expr }) => expr),
    ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
  ];
  for (const expr of asked) {
    assert.ok(namesIn(expr).length > 0, expr);
    for (const name of namesIn(expr)) assert.ok(metricOf(name) in METRICS, `${name} in ${expr}`);
    for (const [, name, selected] of expr.matchAll(/(nightshift_\w+)\{([^}]*)\}/g)) {
      const labels = [...selected!.matchAll(/(\w+)(?:=~|=|!=|!~)/g)].map(([, label]) => label!);
      const { labels: known } = definitionOf(metricOf(name!));
      for (const label of labels) assert.ok(known.includes(label), `${name} has no label ${label}`);
    }
  }
});

test('metrics: each alert has its line in the runbook, with its severity and section, and the runbook has no other', () => {
  const rows = [...read('docs/operations.md').matchAll(/^\| (.*Nightshift\w.*?) +\| (page|warn) +\|/gm)];
  const told = rows.flatMap(([, names, severity]) =>
    [...names!.matchAll(/\[`(\w+)`\]\((\S+?)\)/g)].map(([, name, link]) => [name, [severity, `docs/${link}`]]),
  );
  assert.equal(
    Object.fromEntries(told),
    Object.fromEntries(alerts.map((it) => [it.alert, [it.labels.severity, it.annotations.runbook_url]])),
  );
});

test('metrics: the section that an alert names is there, and names the alert', () => {
  const sections = read('docs/symptoms.md').split(/^## /m);
  for (const { alert, annotations } of alerts) {
    const [page, anchor] = annotations.runbook_url.split('#');
    assert.is(page, 'docs/symptoms.md', alert);
    const section = sections.find((it) => it.split('\n')[0]!.toLowerCase().replaceAll(' ', '-') === anchor);
    assert.match(section ?? '', new RegExp(`^Alerts? .*\`${alert}\``, 'm'));
  }
});

test('metrics: panels of the dashboard have names of their own and do not overlap', () => {
  assert.is(new Set(panels.map(({ title }) => title)).size, panels.length);
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
  );
  assert.is(new Set(cells).size, cells.length);
  assert.ok(panels.every(({ gridPos: { x, w } }) => x + w <= 24));
});

const promtool = process.env['NIGHTSHIFT_PROMTOOL'] ?? 'promtool';
if (spawnSync(promtool, ['--version']).status === 0) {
  test('metrics: promtool takes the alert rules and the scrape configuration', () => {
    execFileSync(promtool, ['check', 'rules', join(ROOT, 'deploy/monitoring/alerts.yaml')], { stdio: 'pipe' });
    execFileSync(promtool, ['check', 'config', join(ROOT, 'deploy/monitoring/prometheus.yaml')], { stdio: 'pipe' });
  });
} else console.log('skipped: promtool, which is not installed');

test.run();
