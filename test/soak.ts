/**
 * `npm run soak`: runs in the middle of which the nats-server is killed with -9, then a thousand slots of a schedule while
 * its orchestrator and the server are killed between them, then a hundred runs at once on two and on three orchestrators;
 * every run and slot is accounted for. At last nights on unchanged data, after which the store is no larger than after one and a model. Some minutes long, so it is no part of `npm test`, which runs a few of each.
 */
import { SingleBar } from 'cli-progress';
import { Command } from 'commander';
import { soakCrowd, type CrowdReport } from './support/crowd-soak.ts';
import { soakSchedule } from './support/schedule-soak.ts';
import { soakServer } from './support/server-soak.ts';
import { soakStore } from './support/store-soak.ts';

const { slots, runs, crowd, nights, json } = new Command('soak')
  .option('--slots <n>', 'slots to let pass', Number, 1000)
  .option('--runs <n>', 'runs in which the server is killed', Number, 20)
  .option('--crowd <n>', 'runs that are under way at once', Number, 100)
  .option('--nights <n>', 'on unchanged data', Number, 20)
  .option('--json', 'one JSON object on stdout', false)
  .parse()
  .opts<{ slots: number; runs: number; crowd: number; nights: number; json: boolean }>();

const server = await withBar('runs ', runs, (onRun) => soakServer({ runs, orchestrators: 2, onRun }));
const schedule = await withBar('slots', slots, (onSlot) =>
  soakSchedule({ slots, slotMs: 250, killOrchestratorEvery: 40, killServerEvery: 65, onSlot }),
);
const crowds: CrowdReport[] = [];
for (const orchestrators of [2, 3]) {
  crowds.push(await withBar('crowd', crowd, (onRun) => soakCrowd({ runs: crowd, orchestrators, onRun })));
}
const store = await withBar('nights', nights, (onNight) => soakStore({ nights, forced: 0, onNight }));
if (json) process.stdout.write(`${JSON.stringify({ server, schedule, crowds, store })}\n`);
else {
  console.table(server);
  const { kills, ...rest } = schedule;
  console.table({ ...rest, kills: `${kills.orchestrator} orchestrator, ${kills.server} server` });
  const { trained, models: _, ...bytes } = store;
  console.table({ ...bytes, trained: trained.length });
  console.table(crowds.map((it) => ({ ...it, transitionsPerSecond: Math.round(it.transitions / it.seconds) })));
}
const accounts = [server, ...crowds, { stuck: 0, ...schedule }];
const bad = accounts.reduce((sum, { stuck, lost, doubled }) => sum + stuck + lost + doubled, 0);
const isGrown = store.unchangedBytes > store.firstBytes + store.modelBytes || store.trained.length > 0;
process.exitCode = bad === 0 && !isGrown ? 0 : 1;

async function withBar<T>(
  what: string,
  total: number,
  work: (done: (count: number) => void) => Promise<T>,
): Promise<T> {
  const bar = new SingleBar({ format: `${what} {bar} {value}/{total}  ETA {eta_formatted}`, stream: process.stderr });
  bar.start(total, 0);
  const answer = await work((count) => bar.update(count));
  bar.stop();
  return answer;
}
