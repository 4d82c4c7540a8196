import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { jetstreamManager } from '@nats-io/jetstream';
import { STREAMS } from '../../../contracts/subjects.ts';
import { applyTopology } from '../../../infra/topology/topology.ts';
import { watchTopology } from '../../../infra/topology/watch-topology.ts';
import { createLogger } from '../../../runtime/logger.ts';
import { withServer } from '../../support/server.ts';
import { until } from '../../support/wait.ts';
import { wireStreamOf } from '../../support/wire-names.ts';

test('watch-topology: a stream that is deleted is named at once, and no longer once it is there again', () =>
  withServer(async ({ connect }) => {
    const [nc, admin] = [await connect(), await connect()];
    const lines: string[] = [];
    const sink = { write: (line: string) => void lines.push(line) };
    const watch = watchTopology(nc, 'trainer', createLogger({ level: 'info' }, sink), 50);
    assert.equal(watch.lacking(), []);
    await (await jetstreamManager(admin)).streams.delete(wireStreamOf(STREAMS.events));
    await until(() => watch.lacking().length > 0, 'the news of the stream');
    assert.match(watch.lacking().join(), /^stream \S*EVENTS was deleted, with all that it held; `nightshift setup`/);
    assert.ok(lines.some((line) => line.includes('trainer lacks what it needs: stream')));
    await applyTopology(admin, { replicas: 1 });
    await until(() => watch.lacking().length === 0, 'the stream');
    assert.ok(lines.some((line) => line.includes('no longer without')));
    await watch.stop();
    await nc.close();
    assert.equal(watch.lacking(), ['connection to nats-server']);
  }));

test.run();
