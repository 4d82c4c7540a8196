/** A bar on a terminal for one piece of long work whose total is known at its first step; nothing elsewhere. */
import cliProgress from 'cli-progress';

export interface ProgressBar {
  at(done: number, total: number): void;
  stop(): void;
}

/** `doing`: a word or two before the bar. */
export function progressBar(doing: string): ProgressBar {
  const format = `  ${doing} {bar} {percentage}%  ETA {eta_formatted}`;
  const options = { format, stream: process.stderr, hideCursor: true, clearOnComplete: true, barsize: 30 };
  let bar: cliProgress.SingleBar | null = null;
  return {
    at: (done, total) => {
      if (!process.stderr.isTTY) return;
      if (bar === null) {
        bar = new cliProgress.SingleBar(options, cliProgress.Presets.shades_classic);
        bar.start(total, 0);
      }
      bar.update(done);
    },
    stop: () => bar?.stop(),
  };
}
