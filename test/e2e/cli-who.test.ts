/** `--as`, `audit`, `refused` and `gallery` as people with names of their own type them, on a server that knows them. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { endpointsOf } from '../../actors/orchestrator/api.ts';
import { pipelineEventSubject } from '../../contracts/subjects.ts';
import { serveApi } from '../../infra/messaging/api.ts';
import { runCli } from '../support/cli.ts';
import { withFolder } from '../support/folder.ts';
import { ADMIN, withPeopleServer } from '../support/people-server.ts';
import { faceOf, MODEL, withReplicasOn } from '../support/replicas.ts';
import { withSaga } from '../support/saga.ts';
import { testLogger } from '../support/server.ts';

const loggedIn = (url: string, user: string) => ({ NATS_URL: url, NATS_USER: user, NATS_PASSWORD: user });

test('cli: a command is sent as the person of --as; audit and refused say who it was', () =>
  withFolder((cwd) =>
    withPeopleServer((server) =>
      withSaga(server, {}, async (saga) => {
        const api = await serveApi(saga.nc, endpointsOf(saga.orchestrator), testLogger());
        const command = (user: string, ...args: string[]) => runCli(args, { cwd, env: loggedIn(server.url, user) });
        const run = await command('alice', '--as', 'alice', 'run', '--detach', '--json');
        assert.is(run.code, 0, run.stderr);
        const { runId } = JSON.parse(run.stdout);
        await saga.event(pipelineEventSubject('completed', runId));
        const refused = await command('alice', '--as', 'alice', 'pause', runId);
        assert.match(refused.stderr, /\[RUN_ENDED\]/);

        const shown = await command(ADMIN, 'run', 'show', runId);
        assert.match(shown.stdout, /│ start +│ alice +│/);
        assert.match((await command(ADMIN, 'deployments')).stdout, /│ alice +│/);
        const audit = JSON.parse((await command(ADMIN, 'audit', '--since', '1h', '--json')).stdout);
        assert.equal([audit.total, audit.entries[0].by, audit.entries[0].about.run], [1, 'alice', runId]);
        assert.match((await command(ADMIN, 'audit')).stdout, /│ alice +│ pipeline\.start +│/);
        const listed = JSON.parse((await command(ADMIN, 'refused', '--json')).stdout);
        assert.equal([listed.total, listed.refusals[0].by, listed.refusals[0].code], [1, 'alice', 'RUN_ENDED']);
        assert.match((await command(ADMIN, 'refused')).stdout, /│ alice +│ nightshift\.ctl\.pipeline\.pause\.alice/);
        const nobody = await command(ADMIN, '--as', 'operator', 'pause', runId);
        assert.is(nobody.code, 2);
        assert.match(nobody.stderr, /--as or NIGHTSHIFT_AS "operator": .*\[CONFIG_INVALID\]/);
        await api.stop();
      }),
    ),
  ));

test('cli: an enrolment waits for a second person, who lists and approves it', () =>
  withFolder((cwd) =>
    withPeopleServer((server) =>
      withReplicasOn(server, async (context) => {
        await context.start('r1', { approval: 'second' });
        await context.deploy({ runId: 'run1' });
        await writeFile(join(cwd, 'ada.png'), await faceOf(11));
        const command = (who: string, ...args: string[]) =>
          runCli(args, { cwd, env: { ...loggedIn(server.url, who), NIGHTSHIFT_AS: who } });
        const asked = await command('alice', 'enroll', MODEL, 'Ada', 'ada.png');
        assert.is(asked.code, 0, asked.stderr);
        const [, id] = /waits for another person: nightshift gallery approve (\S+) --model face\n$/.exec(asked.stdout)!;
        assert.match((await command('bob', 'gallery')).stdout, new RegExp(`│ ${id} +│ .* │ alice +│ enroll +│ Ada`));
        const self = await command('alice', 'gallery', 'approve', id!); // The pattern has one group.
        assert.match(self.stderr, /another person must approve it \[SECOND_PERSON_NEEDED\]/);
        const done = await command('bob', 'gallery', 'approve', id!);
        assert.match(done.stdout, new RegExp(`^face: ${id} is approved; "Ada" is enrolled with 1 image`), done.stderr);
        const next = await command('alice', 'remove', MODEL, 'Ada', '--json');
        const { pending } = JSON.parse(next.stdout) as { pending: string };
        const gone = await command('bob', 'gallery', 'reject', pending);
        assert.is(
          gone.stdout,
          `face: ${pending} is rejected: the removal of "Ada" for which alice had asked\n`,
          gone.stderr,
        );
        const unknown = await command('bob', 'gallery', 'reject', pending);
        assert.is(unknown.code, 1);
        assert.match(unknown.stderr, /gallery pending` lists those that wait \[APPROVAL_UNKNOWN\]/);
        assert.match((await command('bob', 'gallery', 'pending')).stdout, /no change waits/);
      }),
    ),
  ));

test.run();
