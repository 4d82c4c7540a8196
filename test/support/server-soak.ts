/**
 * Runs during which the nats-server is killed with -9 at moments that a seed chooses, with several orchestrators. Every run
 * must come to its end, and no event may be stored twice. Used by a test (few runs) and by `npm run soak` (many).
 */
import { CTL, pipelineEventSubject } from '../../contracts/subjects.ts';
import { createRandom } from '../../services/training/random.ts';
import { withSaga, type Saga } from './saga.ts';
import { withServer, type TestServer } from './server.ts';
import { until } from './wait.ts';

export interface ServerSoakOptions {
  readonly runs: number;
  readonly orchestrators: number;
  readonly onRun?: (done: number) => void;
}

export interface ServerSoakReport {
  readonly runs: number;
  readonly kills: number;
  /** Runs that did not complete in time. */
  readonly stuck: number;
  /** Completed runs that never said so, or deployed nothing. */
  readonly lost: number;
  /** Events that are stored twice under one id. */
  readonly doubled: number;
}

/** An undisturbed run says about so many things. */
const EVENTS_PER_RUN = 14;
const RUN_MS = 120_000;

export const soakServer = (options: ServerSoakOptions): Promise<ServerSoakReport> =>
  withServer((server) =>
    withSaga(server, { orchestrators: options.orchestrators }, async (saga) => {
      const random = createRandom(7);
      let kills = 0;
      let stuck = 0;
      for (let run = 1; run <= options.runs; run++) {
        const runId = `s${run}`;
        await saga.bus.publish(CTL.pipelineStart, { model: 'face', runId }, { id: `${runId}.start` });
        kills += await killAfter(server, saga, runId, Math.floor(random() * EVENTS_PER_RUN));
        stuck += await ends(saga, runId);
        options.onRun?.(run);
      }
      const ids = await saga.storedIds();
      const told = new Set((await saga.storedEvents()).map(({ subject }) => subject));
      const runs = Array.from({ length: options.runs }, (_, index) => `s${index + 1}`);
      const silent = runs.filter((runId) => !told.has(pipelineEventSubject('completed', runId)));
      const releases = (await saga.orchestrator.deployments.load('face'))?.value.releaseMax ?? 0;
      const lost = silent.length + (options.runs - releases);
      return { runs: options.runs, kills, stuck, lost, doubled: ids.length - new Set(ids).size };
    }),
  );

/** Kills the server once so many events of the run were heard, or the run is over. */
async function killAfter({ server }: TestServer, saga: Saga, runId: string, count: number): Promise<number> {
  const own = () => saga.events.filter(({ subject }) => subject.endsWith(`.${runId}`)).length;
  await until(
    async () => own() >= count || (await stateOf(saga, runId)) === 'completed',
    `${count} events of ${runId}`,
  );
  if (server.pid === null) return 0;
  process.kill(server.pid, 'SIGKILL');
  return 1;
}

const ends = (saga: Saga, runId: string): Promise<0 | 1> =>
  until(async () => (await stateOf(saga, runId)) === 'completed', `the end of ${runId}`, RUN_MS).then(
    () => 0,
    () => 1,
  );

/** While the server is down nobody answers; until() asks again. */
const stateOf = (saga: Saga, runId: string) => saga.stateOf(runId).catch(() => null);
