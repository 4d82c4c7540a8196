/**
 * A rolling upgrade: an older version and this one side by side on one server, in both directions, while a client asks. The
 * versions must agree on the layout of the streams; that of 0.5.0 is today's.
 */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ActorName } from '../../actors/names.ts';
import { connect, type Client } from '../../client/client.ts';
import { askSteadily } from '../support/chaos/load.ts';
import { openLedger, type Ledger } from '../support/chaos/ledger.ts';
import { hireParts, PROGRAM, type Part } from '../support/chaos/parts.ts';
import { withFolder } from '../support/folder.ts';
import { oldVersionTest, unpackOldVersion } from '../support/old-version.ts';
import { jetStreamIn, withOwnServer } from '../support/own-server.ts';
import { faceOf, MODEL } from '../support/replicas.ts';
import { tinyNightIn } from '../support/tiny-night.ts';
import { until } from '../support/wait.ts';

const OLD = { version: '0.5.0', commit: '0c58615fe7997ab71a7130113c156c7fcecad030' } as const;
const CREW: readonly ActorName[] = [
  ...(['orchestrator', 'inference', 'inference'] as const),
  ...(['collector', 'trainer', 'verifier', 'janitor'] as const),
];
/** Its work waits for it. */
const atOnce = async () => {};
/** On a machine that also builds the older version. */
const NIGHT_MS = 180_000;
const START_MS = 60_000;

async function night(ledger: Ledger, runId: string): Promise<void> {
  await ledger.ask(MODEL, runId);
  await until(() => ledger.hasEnded(runId), runId, NIGHT_MS);
}

/** One after the other, each gracefully, and the next one when the one before is there, as a rolling upgrade does. */
async function change(parts: readonly Part[], isThere: () => Promise<unknown>, program?: string): Promise<void> {
  for (const part of parts) {
    await part.end();
    part.start(program);
    await isThere();
  }
}

/** Resolves at the next answer of a replica that has not answered before. */
async function newcomers(client: Client): Promise<() => Promise<unknown>> {
  const known = new Set<string>();
  const face = await faceOf(1);
  const isNew = async () => {
    const { replica } = await client.identify(face);
    const { size } = known;
    return known.add(replica!).size > size; // Both versions name it.
  };
  return () => until(isNew, 'an answer of a new replica', START_MS);
}

function unlessNobody(error: Error): false {
  if (error.message.includes('[NATS_UNAVAILABLE]')) return false;
  throw error;
}

oldVersionTest(`two versions: ${OLD.version} and this one work side by side, whichever orchestrates`, OLD, () =>
  withFolder((folder) =>
    withOwnServer(folder, jetStreamIn(folder), async ({ address }) => {
      const program = unpackOldVersion(OLD, folder);
      const url = `nats://${address}`;
      const configFile = join(folder, 'nightshift.config.json');
      const models = { [MODEL]: await tinyNightIn(folder) };
      writeFileSync(configFile, JSON.stringify({ nats: { url }, inference: { replicas: 1 }, models }));
      const command = (version: string, ...args: string[]) =>
        promisify(execFile)(process.execPath, [version, '--config', configFile, ...args], { cwd: folder });
      await command(program, 'setup');
      const parts = hireParts(folder, configFile, { crew: CREW, program });
      const are = (...names: ActorName[]) => parts.filter(({ name }) => names.some((it) => name.startsWith(it)));
      const [orchestrators, others] = [are('orchestrator', 'janitor'), are('collector', 'trainer', 'verifier')];
      const replicas = are('inference');
      const ledger = await openLedger([url]);
      const client = await connect({ servers: url, model: MODEL });
      const over = new AbortController();
      try {
        // The old command gives up after five seconds, and the old orchestrator may take longer to start.
        const applied = () => command(program, 'apply', '-f', configFile, '--yes').then(() => true, unlessNobody);
        await until(applied, 'an old orchestrator to take the configuration', START_MS);
        await night(ledger, 'all-old');
        await command(PROGRAM, 'setup');
        const another = await newcomers(client);
        await another();
        await another();
        const asking = askSteadily({ servers: [url], rate: 30, signal: over.signal });
        await change(orchestrators, atOnce);
        await night(ledger, 'new-orchestrator');
        await change(orchestrators, atOnce, program);
        await change(others, atOnce);
        await change(replicas, another);
        await night(ledger, 'old-orchestrator');
        await change(orchestrators, atOnce);
        await night(ledger, 'all-new');
        over.abort();
        const { requests, failed, olderReplies } = await asking;
        const { nights, completed, lost, doubled, stuck } = await ledger.account();
        assert.equal(
          { nights, completed, lost, doubled, stuck },
          { nights: 4, completed: 4, lost: 0, doubled: 0, stuck: 0 },
        );
        assert.ok(requests > 100, `${requests} requests`);
        assert.equal([failed, olderReplies], [0, 0]);
      } finally {
        over.abort();
        await Promise.all(parts.map((part) => part.kill()));
        await client.close();
        await ledger.close();
      }
    }),
  ),
);

test.run();
