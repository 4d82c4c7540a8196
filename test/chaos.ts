/**
 * `npm run chaos`: night after night on three nats-servers while processes are killed, stand still and come back at random,
 * for a stated time and seed; then every run and every request is accounted for. A short one is in `npm test`.
 */
import { Command, InvalidArgumentError } from 'commander';
import { chaos } from './support/chaos/chaos.ts';
import { TROUBLES, type Trouble } from './support/chaos/troubles.ts';

const { minutes, seed, rate, json, troubles, once } = new Command('chaos')
  .option('--minutes <n>', 'for so long there are troubles', Number, 10)
  .option('--seed <n>', 'of the troubles', Number, 1)
  .option('--rate <n>', 'requests per second', Number, 60)
  .option('--troubles <list>', `of ${TROUBLES.join(', ')}; absent: all`, namesIn)
  .option('--once', 'each trouble once in place of any for so many minutes', false)
  .option('--json', 'one JSON object on stdout', false)
  .parse()
  .opts<{
    readonly minutes: number;
    readonly seed: number;
    readonly rate: number;
    readonly json: boolean;
    readonly once: boolean;
    readonly troubles?: readonly Trouble[];
  }>();

const say = (text: string) => void process.stderr.write(`${text}\n`);
const report = await chaos({
  ...{ seconds: once ? null : minutes * 60, seed, rate },
  ...(troubles ? { troubles } : {}),
  onNight: (nights) => say(`night ${nights}`),
  onTrouble: (name) => say(name),
});
if (json) process.stdout.write(`${JSON.stringify(report)}\n`);
else console.table({ ...report, troubles: JSON.stringify(report.troubles) });
const { lost, doubled, stuck, olderReplies } = report;
process.exitCode = lost + doubled + stuck + olderReplies === 0 ? 0 : 1;

function namesIn(list: string): Trouble[] {
  return list.split(',').map((word) => {
    const name = TROUBLES.find((it) => it === word);
    if (name !== undefined) return name;
    throw new InvalidArgumentError(`"${word}" is none of ${TROUBLES.join(', ')}`);
  });
}
