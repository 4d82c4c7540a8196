/** `nightshift apply` and `nightshift config` as a user runs them, against an orchestrator that has no file of its own. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startSystem } from '../../main.ts';
import { CONFIG_FILE, ConfigSchema } from '../../infra/config/config.ts';
import { BUCKETS } from '../../contracts/subjects.ts';
import { openKv } from '../../infra/stores/record-store.ts';
import { runCli, withCli, type CliEnd } from '../support/cli.ts';
import { withFolder } from '../support/folder.ts';
import { withServer, type TestServer } from '../support/server.ts';

const SECRET = 'SESAME-7';
const face = (more: object = {}) => ({
  sources: [{ type: 'http', name: 'auth', url: 'https://auth.internal/faces', headers: { 'X-Key': SECRET } }],
  training: { strategy: 'command', command: { argv: ['/opt/secret/train.py'], env: { KEY: SECRET } } },
  ...more,
});

interface Office {
  readonly server: TestServer;
  /** Writes the file. */
  models(models: Readonly<Record<string, object>>): Promise<void>;
  /** Runs a command that should end with this code. */
  nightshift(code: number, ...args: string[]): Promise<CliEnd>;
}

const withOffice = (use: (office: Office) => Promise<void>) =>
  withFolder((cwd) =>
    withServer(async (server) => {
      const { url, log } = server;
      const system = await startSystem(ConfigSchema.parse({ nats: { url } }), log, ['orchestrator']);
      const written = (models: object) => writeFile(join(cwd, CONFIG_FILE), JSON.stringify({ nats: { url }, models }));
      const nightshift = async (code: number, ...args: string[]) => {
        const end = await runCli(args, { cwd });
        assert.is(end.code, code, `${args.join(' ')}: ${end.stdout}${end.stderr}`);
        return end;
      };
      try {
        await use({ server, models: written, nightshift });
      } finally {
        await system.stop();
      }
    }),
  );

const FILE = ['-f', CONFIG_FILE] as const;

test('apply: shows the difference, asks, applies once, and sends nothing that is local', () =>
  withOffice(async ({ server, models, nightshift }) => {
    await models({ face: face() });
    const unasked = await nightshift(2, 'apply', ...FILE);
    assert.match(unasked.stdout, /^face: new\n/);
    assert.match(unasked.stderr, /add --yes, or --dry-run/);
    assert.match((await nightshift(0, 'config')).stdout, 'no model is configured; `nightshift apply');
    assert.match((await nightshift(3, 'apply', '--dry-run')).stdout, /Nothing was changed/);
    assert.match((await nightshift(0, 'apply', '--yes', ...FILE)).stdout, /face: revision 1 counts now/);
    assert.match((await nightshift(0, 'apply', ...FILE)).stdout, /face: as in revision 1\nNothing to change/);
    const record = await (await openKv(await server.connect(), BUCKETS.config)).get('face');
    for (const local of [SECRET, 'auth.internal', 'train.py', server.url]) assert.not.match(record!.string(), local); // It is there.
    await models({ face: face({ schedule: { cron: '0 2 * * *' }, noun: { one: 'guest', many: 'guests' } }) });
    const { stdout } = await nightshift(0, 'apply', '--yes', '--reason', 'every night from now on', '--json');
    const { applied, models: planned } = JSON.parse(stdout) as {
      applied: boolean;
      models: { revision: number; differences: { path: string }[] }[];
    };
    assert.equal([applied, planned[0]?.revision], [true, 2]);
    assert.ok(planned[0]?.differences.some(({ path }) => path === 'schedule.cron'));
    const history = (await nightshift(0, 'config', 'history', 'face')).stdout;
    assert.match(history, /│ face +│ 2 +│ .*│ anonymous │ applied │ every night from now on/);
    assert.match((await nightshift(0, 'schedule')).stdout, /0 2 \* \* \* \(UTC\)/);
  }));

test('config: an earlier revision is shown and comes back; a model that the file leaves out goes by --prune alone', () =>
  withOffice(async ({ models, nightshift }) => {
    await models({ face: face(), door: face() });
    await nightshift(0, 'apply', '--yes');
    await models({ face: face({ split: { strategy: 'first-n', train: 3 } }) });
    const kept = await nightshift(0, 'apply', '--yes');
    assert.match(kept.stdout, /door: not in the file; it stays \(--prune removes it\)/);
    const shown = JSON.parse((await nightshift(0, 'config', 'show', 'face', '--revision', '1', '--json')).stdout) as {
      models: { pipeline: { split: { strategy: string } } }[];
    };
    assert.is(shown.models[0]?.pipeline.split.strategy, 'content-hash');
    const looked = await nightshift(3, 'config', 'rollback', 'face', '1', '--dry-run');
    assert.match(looked.stdout, /^face: revision 2 -> as in 1\n {2}\+ split\.probe/);
    assert.match(
      (await nightshift(0, 'config', 'rollback', 'face', '1', '--yes')).stdout,
      'face: revision 3 counts now',
    );
    assert.match((await nightshift(1, 'config', 'rollback', 'face', '9', '--yes')).stderr, /\[CONFIG_UNKNOWN\]/);
    const pruned = await nightshift(0, 'apply', '--prune', '--yes');
    assert.match(pruned.stdout, /door: removed; no run of it starts any more/);
    assert.match((await nightshift(0, 'config', 'show', 'door')).stdout, /^door, revision 2 of .*: removed\n$/);
    assert.match((await nightshift(1, 'run', 'door', '--json')).stderr, /MODEL_UNKNOWN/);
  }));

test('apply: a bad file is refused whole, each problem with its path, and before anything is sent', () =>
  withOffice(async ({ models, nightshift }) => {
    const twice = [...face().sources, ...face().sources];
    await models({ face: face({ epochs: 3, retry: { attemptsMax: 0 } }), door: face() });
    const { stderr } = await nightshift(2, 'apply', '--yes');
    assert.match(stderr, /models\.face\.epochs: there is no such setting.*models\.face\.retry\.attemptsMax: /);
    await models({
      door: face(),
      face: face({ schedule: { cron: 'never' } }),
      gate: face({ schedule: { cron: '61 * * * *' } }),
    });
    const schedules = await nightshift(2, 'apply', '--yes');
    assert.match(schedules.stderr, /models\.face\.schedule: .*models\.gate\.schedule: /);
    await models({ face: face({ sources: twice }) });
    assert.match(
      (await nightshift(2, 'apply', '--yes')).stderr,
      /models\.face\.sources: two sources are called "auth"/,
    );
    await models({});
    assert.match(
      (await nightshift(2, 'apply', '--yes', '--prune')).stderr,
      /names no model, so there is nothing to apply/,
    );
    assert.equal(JSON.parse((await nightshift(0, 'config', 'history', '--json')).stdout), { revisions: [] });
  }));

test('start: the synthetic default of a server of one’s own is applied once, however often it is started', () =>
  withFolder(async (cwd) => {
    await writeFile(join(cwd, CONFIG_FILE), JSON.stringify({ nats: { port: 0 }, log: { level: 'info' } }));
    for (const expected of [/"revision":1,"msg":"the configuration file is applied"/, null]) {
      await withCli(['start'], { cwd }, async (cli) => {
        await cli.printed(/Nightshift is up/);
        if (expected) assert.match(cli.output(), expected);
        else assert.not.match(cli.output(), /the configuration file is applied/);
        cli.kill('SIGINT');
        assert.is((await cli.exited).code, 0);
      });
    }
  }));

test.run();
