/**
 * Outside training programs, good and bad, for command.test.ts: `node programs.mjs <which> <job.json>`. They know the
 * contract of docs/training-command.md and nothing of our code. MODEL names an ONNX file to hand in.
 */
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [, , which, jobPath] = process.argv;
const job = JSON.parse(readFileSync(jobPath, 'utf8'));
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const progress = (epoch, rest = {}) => say({ type: 'progress', epoch, loss: 1 / epoch, ...rest });
const handIn = () => copyFileSync(process.env.MODEL, job.paths.model);
const forever = () => setInterval(() => {}, 1000);

const programs = {
  good() {
    process.stdout.write('loading libraries\n{"not": "ours"}\n');
    progress(0.5);
    progress(1, { learningRate: 0.1, imagesPerSecond: 123, rank1: 0.25 });
    progress(2, { learningRate: 0.05, imagesPerSecond: 124, rank1: 0.5 });
    handIn();
  },
  'tells what it got'() {
    const images = Object.fromEntries(
      ['train', 'validation'].map((split) => [
        split,
        readdirSync(job.paths[split]).map((person) => [person, readdirSync(join(job.paths[split], person)).length]),
      ]),
    );
    const told = { job, images, cwd: process.cwd(), env: process.env };
    writeFileSync(process.env.TOLD, JSON.stringify(told));
    progress(1);
    handIn();
  },
  checkpoints() {
    const from = job.paths.checkpoint ? Number(readFileSync(job.paths.checkpoint, 'utf8')) : 0;
    for (let epoch = from + 1; epoch <= job.config.epochs; epoch++) {
      progress(epoch);
      writeFileSync(join(job.paths.output, `checkpoint-${epoch}`), String(epoch));
      say({ type: 'checkpoint', path: `checkpoint-${epoch}` });
    }
    handIn();
  },
  'a checkpoint elsewhere': () => say({ type: 'checkpoint', path: '../job.json' }),
  'a checkpoint that is not there': () => say({ type: 'checkpoint', path: 'nothing' }),
  'no model': () => progress(1),
  'no progress': () => handIn(),
  'exit code 3'() {
    process.stderr.write('Traceback: out of memory\n');
    process.exitCode = 3;
  },
  killed: () => process.kill(process.pid, 'SIGKILL'),
  'a reason'() {
    say({ type: 'failed', code: 'DATASET_TOO_SMALL', message: 'two people are not enough for me' });
    process.exitCode = 1;
  },
  NaN: () => process.stdout.write('{"type": "progress", "epoch": 1, "loss": NaN}\n'),
  'a line that does not fit': () => say({ type: 'progress', epoch: 'one', loss: 1 }),
  flood() {
    const garbage = `${'x'.repeat(1_000_000)}`;
    for (let i = 0; i < 50; i++) process.stdout.write(garbage);
    process.stdout.write('\n');
    for (let i = 0; i < 20_000; i++) process.stdout.write(`chatter ${i}\n`);
    for (let i = 0; i < 20_000; i++) process.stderr.write(`log ${i}\n`);
    progress(1);
    handIn();
  },
  'ends when asked'() {
    process.on('SIGTERM', () => {
      handIn();
      process.exit(0);
    });
    progress(1);
    forever();
  },
  'ignores SIGTERM'() {
    process.on('SIGTERM', () => process.stderr.write('I do not listen\n'));
    // Workers, one of them in a session of its own, as torchrun starts them; their ids show whether they outlive the program.
    const deaf = ['-e', 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)'];
    const workers = [false, true].map((detached) => spawn(process.execPath, deaf, { detached }));
    writeFileSync(process.env.TOLD, [process.pid, ...workers.map(({ pid }) => pid)].join(' '));
    progress(1);
    forever();
  },
  'leaves a child behind'() {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' });
    child.unref();
    writeFileSync(process.env.TOLD, String(child.pid));
    progress(1);
    handIn();
    process.exit(0);
  },
};

if (!existsSync(jobPath)) throw new Error('no job');
programs[which]();
