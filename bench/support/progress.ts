/** How far a long measurement is, on stderr: a bar on a terminal, elsewhere a line at each tenth of the way. */
import cliProgress from 'cli-progress';

export interface BenchProgress {
  /** So much of the total is done. */
  at(done: number): void;
  stop(): void;
}

const BAR = '  {bar} {value}/{total} {unit}  ETA {eta_formatted}';
const TENTHS = 10;

export function startProgress(total: number, unit: string, stream: NodeJS.WriteStream = process.stderr): BenchProgress {
  return stream.isTTY ? startBar(total, unit, stream) : startLines(total, unit, stream);
}

function startBar(total: number, unit: string, stream: NodeJS.WriteStream): BenchProgress {
  const options = { format: BAR, stream, hideCursor: true, clearOnComplete: true, fps: 2, barsize: 30 };
  const bar = new cliProgress.SingleBar(options, cliProgress.Presets.shades_classic);
  bar.start(total, 0, { unit });
  return { at: (done) => bar.update(done), stop: () => bar.stop() };
}

function startLines(total: number, unit: string, stream: NodeJS.WriteStream): BenchProgress {
  let told = 0;
  return {
    at: (done) => {
      const tenth = Math.floor((TENTHS * done) / total);
      if (tenth <= told) return;
      told = tenth;
      stream.write(`bench: ${done} of ${total} ${unit}\n`);
    },
    stop: () => {},
  };
}
