/** The shipped client in Python on real replicas: its command line, a replica that is stopped, and refusals. */
import { once } from 'node:events';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { IdentifyReplySchema } from '../../contracts/inference.ts';
import { startProcess } from '../../runtime/processes.ts';
import { withFolder } from '../support/folder.ts';
import { faceOf, MODEL, withReplicas } from '../support/replicas.ts';
import type { ReplicaOrder } from '../support/replica.process.ts';
import { EXAMPLES, withSubscriber, writeContext } from '../support/subscribers.ts';
import { natsPython, natsPyTest } from '../support/tools.ts';

const DOOR = join(EXAMPLES, 'doors/door.py');
const DRIVER = join(import.meta.dirname, '../support/python_door.py');
const run = promisify(execFile);

/** Some four seconds. */
const STORY = { requests: 200, everyS: 0.02 };

natsPyTest('door in Python: its command line answers as a client of any other language would be answered', () =>
  withFolder((folder) =>
    withReplicas(async (context) => {
      await context.start('r1');
      await context.deploy({ runId: 'run1' });
      const image = join(folder, 'face.png');
      await writeFile(image, await faceOf(1));
      writeContext(folder, 'door', { url: context.test.url });
      const { stdout } = await run(natsPython, [DOOR, 'door', MODEL, image], {
        env: { ...process.env, XDG_CONFIG_HOME: folder },
      });
      const reply = IdentifyReplySchema.parse(JSON.parse(stdout));
      assert.equal([reply.release, reply.replica], [1, 'r1']);
    }),
  ),
);

natsPyTest('door in Python: a replica of two is stopped under way, and no request is lost', () =>
  withFolder((folder) =>
    withReplicas(async (context) => {
      const stopped = startProcess('test/support/replica.process');
      const ended = once(stopped, 'exit');
      try {
        const order: ReplicaOrder = { url: context.test.url, model: MODEL, replicaId: 'r0' };
        stopped.send(order);
        await once(stopped, 'message');
        await context.start('r1');
        await context.deploy({ runId: 'run1' });
        const image = join(folder, 'face.png');
        await writeFile(image, await faceOf(1));
        const argv = [natsPython, DRIVER, DOOR, context.test.url, image] as const;
        await withSubscriber([...argv, String(STORY.requests), String(STORY.everyS)], folder, async (door) => {
          await door.says(1);
          stopped.kill('SIGSTOP');
          const [, told] = await door.says(2);
          assert.equal(told, {
            ...{ answered: STORY.requests, releases: [1], refused: [] },
            ...{ late: 'RELEASE_NOT_REACHED', wrong: 'IMAGE_UNREADABLE' },
          });
        });
      } finally {
        stopped.kill('SIGKILL');
        await ended;
      }
    }),
  ),
);

test.run();
