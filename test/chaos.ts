/**
 * `npm run chaos`: night after night on three nats-servers while processes are killed, stand still and come back at random,
 * for a stated time and seed; then every run and every request is accounted for. A short one is in `npm test`.
 */
import { Command } from 'commander';
import { chaos } from './support/chaos/chaos.ts';

const { minutes, seed, rate, json } = new Command('chaos')
  .option('--minutes <n>', 'for so long there are troubles', Number, 10)
  .option('--seed <n>', 'of the troubles', Number, 1)
  .option('--rate <n>', 'requests per second', Number, 60)
  .option('--json', 'one JSON object on stdout', false)
  .parse()
  .opts<{ minutes: number; seed: number; rate: number; json: boolean }>();

const onNight = (nights: number) => void process.stderr.write(`night ${nights} of ${minutes} minutes\n`);
const report = await chaos({ seconds: minutes * 60, seed, rate, onNight });
if (json) process.stdout.write(`${JSON.stringify(report)}\n`);
else console.table(report);
const { lost, doubled, stuck, olderReplies } = report;
process.exitCode = lost + doubled + stuck + olderReplies === 0 ? 0 : 1;
