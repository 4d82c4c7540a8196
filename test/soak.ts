/**
 * `npm run soak`: runs in the middle of which the nats-server is killed with -9, then a thousand slots of a schedule while
 * its orchestrator and the server are killed between them; every run and slot is accounted for. Some minutes long, so
 * it is no part of `npm test`, which runs a few of each.
 */
import { SingleBar } from 'cli-progress';
import { Command } from 'commander';
import { soakSchedule } from './support/schedule-soak.ts';
import { soakServer } from './support/server-soak.ts';

const { slots, runs, json } = new Command('soak')
  .option('--slots <n>', 'slots to let pass', Number, 1000)
  .option('--runs <n>', 'runs in which the server is killed', Number, 20)
  .option('--json', 'one JSON object on stdout', false)
  .parse()
  .opts<{ slots: number; runs: number; json: boolean }>();

const server = await withBar('runs ', runs, (onRun) => soakServer({ runs, orchestrators: 2, onRun }));
const schedule = await withBar('slots', slots, (onSlot) =>
  soakSchedule({ slots, slotMs: 250, killOrchestratorEvery: 40, killServerEvery: 65, onSlot }),
);
if (json) process.stdout.write(`${JSON.stringify({ server, schedule })}\n`);
else {
  console.table(server);
  const { kills, ...rest } = schedule;
  console.table({ ...rest, kills: `${kills.orchestrator} orchestrator, ${kills.server} server` });
}
const bad = server.stuck + server.lost + server.doubled + schedule.lost + schedule.doubled;
process.exitCode = bad === 0 ? 0 : 1;

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
