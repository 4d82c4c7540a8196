/**
 * `npm run soak`: a thousand slots of a schedule while its orchestrator and the nats-server are killed with -9 between
 * them; every slot is accounted for. Some minutes long, so it is no part of `npm test`, which runs forty slots.
 */
import { SingleBar } from 'cli-progress';
import { Command } from 'commander';
import { soakSchedule } from './support/schedule-soak.ts';

const { slots, json } = new Command('soak')
  .option('--slots <n>', 'slots to let pass', Number, 1000)
  .option('--json', 'one JSON object on stdout', false)
  .parse()
  .opts<{ slots: number; json: boolean }>();
const bar = new SingleBar({ format: 'slots {bar} {value}/{total}  ETA {eta_formatted}', stream: process.stderr });
bar.start(slots, 0);
const report = await soakSchedule({
  slots,
  slotMs: 250,
  killOrchestratorEvery: 40,
  killServerEvery: 65,
  onSlot: (done) => bar.update(done),
});
bar.stop();
if (json) process.stdout.write(`${JSON.stringify(report)}\n`);
else console.table({ ...report, kills: `${report.kills.orchestrator} orchestrator, ${report.kills.server} server` });
process.exitCode = report.lost + report.doubled === 0 ? 0 : 1;
