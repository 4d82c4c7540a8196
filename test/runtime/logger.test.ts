/** The log: which lines carry the id of a trace. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createLogger } from '../../runtime/logger.ts';
import { traceIdOf } from '../../runtime/trace-context.ts';

function linesOf(write: (log: ReturnType<typeof createLogger>) => void): Record<string, unknown>[] {
  const lines: string[] = [];
  write(createLogger({ level: 'info' }, { write: (line) => void lines.push(line) }));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>); // As pino writes them.
}

test('log: a line about a run has the id of its trace, from the line or from the logger', () => {
  const [one, other] = linesOf((log) => {
    log.info({ runId: 'r1' }, 'one');
    log.child({ runId: 'r2', commandId: 'c' }).warn({ more: 1 }, 'other');
  });
  assert.is(one!['trace_id'], traceIdOf('r1'));
  assert.is(other!['trace_id'], traceIdOf('r2'));
  assert.is(other!['more'], 1);
});

test('log: other lines have none, and one that has its own keeps it', () => {
  const [plain, own] = linesOf((log) => {
    log.info({ actor: 'trainer' }, 'plain');
    log.info({ runId: 'r1', trace_id: 'mine' }, 'own');
  });
  assert.not('trace_id' in plain!);
  assert.ok(plain!['pid'], 'pino has its own fields as before');
  assert.is(own!['trace_id'], 'mine');
});

test.run();
