/** Programs of examples/ as somebody would start them: a context of the NATS CLI, a command line, and the lines they print. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { until } from './wait.ts';

export const EXAMPLES = join(import.meta.dirname, '../../examples');

/** Below `config`, which stands for ~/.config. */
export function writeContext(config: string, name: string, context: object): void {
  const file = join(config, 'nats/context', `${name}.json`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify(context));
}

export interface Subscriber {
  /** Parsed, in their order. */
  readonly lines: readonly unknown[];
  /** What it has said on stderr. */
  errors(): string;
  /** Its exit code, once it has ended. */
  ended(): Promise<number | null>;
  /** Waits for so many lines. */
  says(count: number): Promise<readonly unknown[]>;
}

/** Runs beside `use`, and is killed after it. */
export async function withSubscriber<T>(
  argv: readonly [string, ...string[]],
  config: string,
  use: (subscriber: Subscriber) => Promise<T>,
): Promise<T> {
  const [program, ...args] = argv;
  const child = spawn(program, args, { env: { ...process.env, XDG_CONFIG_HOME: config } });
  const closed = once(child, 'close');
  const lines: unknown[] = [];
  let errors = '';
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line)));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const says = async (count: number) => {
    await until(
      () => {
        if (child.exitCode !== null) throw new Error(`${argv.join(' ')} ended with ${child.exitCode}:\n${errors}`);
        return lines.length >= count;
      },
      `${count} lines of ${argv.join(' ')}`,
    );
    return lines;
  };
  try {
    const ended = async () => ((await closed) as [number | null])[0];
    return await use({ lines, says, ended, errors: () => errors });
  } finally {
    child.kill('SIGKILL');
    await closed;
  }
}
