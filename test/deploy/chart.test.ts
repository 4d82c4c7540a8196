/**
 * The chart of deploy/helm: its values name each actor, and its templates the walls; helm and kubeconform judge what comes
 * of them, where they are installed.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ACTORS } from '../../actors/names.ts';
import { ConfigSchema } from '../../infra/config/config.ts';
import { CONSUMER_SPECS } from '../../infra/topology/consumers.ts';
import { DEPLOY, documented, hasTool, ROOT, unless, yamlIn, yamlOf } from '../support/deploy.ts';

const CHART = 'helm/nightshift';
const TEMPLATES = join(DEPLOY, CHART, 'templates');
const texts = readdirSync(TEMPLATES).map((name) => readFileSync(join(TEMPLATES, name), 'utf8'));

interface Actor {
  readonly replicas: number;
  readonly minAvailable?: number;
  readonly autoscaling?: { readonly metric: string; readonly consumer?: string };
  readonly resources: { readonly limits: { readonly memory: string } };
}
interface Values {
  readonly image: { readonly tag: string };
  readonly actors: Readonly<Record<string, Actor>>;
  readonly secrets: Readonly<Record<string, string>>;
  readonly signing: { readonly trustSecret: string; readonly secrets: Readonly<Record<string, string>> };
  readonly config: object;
}
const [values] = yamlIn<Values>(`${CHART}/values.yaml`);
const [chart] = yamlIn<{ readonly version: string; readonly appVersion: string }>(`${CHART}/Chart.yaml`);

test('chart: every actor has a Deployment with a limit of memory and a login by a Secret', () => {
  const { actors, secrets } = values!;
  assert.equal(Object.keys(actors).sort(), [...ACTORS].sort());
  for (const [actor, { resources }] of Object.entries(actors)) {
    assert.match(resources.limits.memory, /^\d+Gi$/, actor);
    assert.ok(secrets[actor], actor);
  }
  assert.ok(secrets['setup']);
});

test('chart: replicas outlast a drained node, and queues are followed at consumers that exist', () => {
  const { inference, ...others } = values!.actors;
  assert.ok(inference!.minAvailable! < inference!.replicas && inference!.minAvailable! > 0);
  const consumers = CONSUMER_SPECS.map(({ config }) => config.durable_name);
  const queues = Object.values(others).flatMap(({ autoscaling }) => autoscaling?.consumer ?? []);
  assert.ok(queues.length > 0);
  for (const queue of queues) assert.ok(consumers.includes(queue), queue);
});

test('chart: nothing is root or the latest, and what it names is documented', () => {
  const text = texts.join('\n');
  for (const wall of ['runAsNonRoot: true', 'readOnlyRootFilesystem: true', 'drop: [ALL]', 'kind: NetworkPolicy']) {
    assert.ok(text.includes(wall), wall);
  }
  assert.not.match(`${text}${JSON.stringify(values)}`, /latest/);
  assert.is(chart!.version, chart!.appVersion);
  for (const [, variable] of text.matchAll(/name: ((?:NATS|NIGHTSHIFT)_[A-Z_]+|TMPDIR)/g))
    assert.ok(documented(variable!));
  const { secrets, signing } = values!;
  for (const role of [...Object.keys(secrets), ...Object.keys(signing.secrets)]) assert.ok(documented(role), role);
  assert.ok(documented(signing.trustSecret) && documented('nightshift_queue_depth'));
});

test('chart: the liveness probe looks for the words by which a process that hangs is told', () => {
  const [, words] = /grep -q '([^']+)'/.exec(texts.join('\n'))!;
  assert.ok(readFileSync(join(ROOT, 'runtime/readiness.ts'), 'utf8').includes(words!), words);
});

test('chart: its configuration is one of Nightshift', () => {
  ConfigSchema.parse(values!.config);
});

/** Without a cluster to ask, helm takes the version that it was built for. */
const KUBERNETES = '1.31.0';
const render = (...args: readonly string[]) =>
  execFileSync('helm', ['template', 'test', join(DEPLOY, CHART), '--kube-version', KUBERNETES, ...args], {
    stdio: 'pipe',
    encoding: 'utf8',
  });
const ALL = [
  ...[
    '--set',
    'actors.trainer.gpus=1,actors.trainer.autoscaling.enabled=true,actors.inference.autoscaling.enabled=true',
  ],
  ...['--set', 'nats.caSecret=nats-ca'],
];

unless(
  hasTool('helm', ['version']),
  'helm',
  'chart: `helm lint --strict` takes it, and all that it makes is YAML',
  () => {
    execFileSync('helm', ['lint', '--strict', join(DEPLOY, CHART)], { stdio: 'pipe' });
    for (const args of [[], ALL]) {
      const made = yamlOf<{ readonly kind: string } | null>(render(...args)).filter((it) => it !== null);
      const count = (kind: string) => made.filter((it) => it.kind === kind).length;
      assert.equal([count('Deployment'), count('NetworkPolicy'), count('PodDisruptionBudget')], [6, 7, 1]);
      assert.is(count('HorizontalPodAutoscaler'), args.length === 0 ? 0 : 2);
    }
    const config = /nightshift\.config\.json: \|\n((?: {4}.*\n)+)/.exec(render('-s', 'templates/config.yaml'))?.[1];
    assert.ok(ConfigSchema.parse(JSON.parse(config!)).nats.roles?.trainer);
  },
);

unless(
  hasTool('helm', ['version']) && hasTool('kubeconform', ['-v']) && process.env['KUBERNETES_SCHEMAS'] !== undefined,
  'helm, kubeconform and KUBERNETES_SCHEMAS (a folder or address of schemas)',
  'chart: kubeconform takes all that it makes',
  () => {
    const args = ['-strict', '-summary', '-schema-location', process.env['KUBERNETES_SCHEMAS']!];
    execFileSync('kubeconform', args, { input: render(...ALL), stdio: 'pipe' });
  },
);

test.run();
