/** The last lines of a log about one run: which are kept, how they read, and what stays on the machine. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createLogger, type Logger } from '../../runtime/logger.ts';
import { openLogTail, TAIL_CHARACTERS_MAX, TAIL_LINES_MAX, type LogTail } from '../../runtime/log-tail.ts';

const logged = (write: (log: Logger, tail: LogTail) => void): readonly string[] => {
  const tail = openLogTail('r1');
  write(createLogger({ level: 'info' }, { write: () => {} }), tail);
  tail.close();
  return tail.lines();
};
const withoutTime = (line: string) => line.replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z /, '');

test('log tail: the lines about the run, of the logger and its children, at the level that is written', () => {
  const lines = logged((log) => {
    log.info({ runId: 'r2' }, 'another run');
    log.info({ runId: 'r10' }, 'a run whose name begins alike');
    log.info({}, 'no run');
    log.child({ runId: 'r1' }).debug({}, 'below the level');
    log.child({ runId: 'r1' }).warn({ epoch: 3, loss: 0.5 }, 'slow');
    log.info({ runId: 'r1' }, 'done');
  });
  assert.equal(lines.map(withoutTime), ['warn slow epoch=3 loss=0.5', 'info done']);
});

test('log tail: the words of a training program come along, and of an error its code or kind', () => {
  const lines = logged((log) => {
    log.info({ runId: 'r1', line: 'CUDA out of\tmemory' }, 'the training program logs');
    log.warn({ runId: 'r1', err: Object.assign(new Error('open /srv/secret'), { code: 'ENOENT' }) }, 'not read');
    log.warn({ runId: 'r1', err: new TypeError('x') }, 'wrong');
  });
  assert.equal(lines.map(withoutTime), [
    'info the training program logs | CUDA out of memory',
    'warn not read [ENOENT]',
    'warn wrong [TypeError]',
  ]);
});

test('log tail: paths, addresses and stacks stay on the machine', () => {
  const [line] = logged((log) => log.info({ runId: 'r1', folder: '/srv/x', url: 'http://a.example' }, 'looked'));
  assert.is(withoutTime(line!), 'info looked');
});

test('log tail: number and length of lines are bounded, and a cut leaves whole characters', () => {
  const lines = logged((log) => {
    for (let i = 0; i < TAIL_LINES_MAX + 5; i += 1) log.info({ runId: 'r1' }, `line ${i} ${'😀'.repeat(1000)}`);
  });
  assert.is(lines.length, TAIL_LINES_MAX);
  assert.match(lines[0]!, / line 5 /);
  for (const line of lines)
    assert.ok(line.length <= TAIL_CHARACTERS_MAX && !/[\ud800-\udbff](?![\udc00-\udfff])/.test(line), line);
});

test('log tail: whatever is logged, by a module of somebody else too, the tail takes it', () => {
  const lines = logged((log) => {
    log.warn({ runId: 'r1', err: null }, 'somebody threw null');
    log.warn({ runId: 'r1', err: 'a text' }, 'somebody threw a text');
    log.info({ runId: 'r1', time: 'noon', level: 'high', line: null }, 'fields of the line itself');
  });
  assert.equal(lines.map(withoutTime), [
    'warn somebody threw null [error]',
    'warn somebody threw a text [error]',
    'level high fields of the line itself | null',
  ]);
});

test('log tail: one that is closed keeps nothing more', () => {
  const lines = logged((log, tail) => {
    log.info({ runId: 'r1' }, 'before');
    tail.close();
    log.info({ runId: 'r1' }, 'after');
  });
  assert.equal(lines.map(withoutTime), ['info before']);
});

test.run();
