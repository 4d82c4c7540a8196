/** `--inspect` on the built program: a WebSocket client of this machine follows a run of an orchestrator in a process of its own. */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { CTL, pipelineEventSubject } from '../../contracts/subjects.ts';
import { CONFIG_FILE } from '../../infra/config/config.ts';
import { withCli } from '../support/cli.ts';
import { withFolder } from '../support/folder.ts';
import { quickPipeline, withSaga } from '../support/saga.ts';
import { withServer } from '../support/server.ts';
import { until } from '../support/wait.ts';

test('inspect: a run of the orchestrator is followed from its start to its end', () =>
  withFolder((cwd) =>
    withServer((server) =>
      withSaga(server, { orchestrators: 0, pipeline: quickPipeline() }, async (saga) => {
        await writeFile(join(cwd, CONFIG_FILE), JSON.stringify({ models: { face: quickPipeline() } }));
        const options = { cwd, env: { NATS_URL: server.url } };
        await withCli(['actor', 'orchestrator', '--inspect', '0'], options, async (cli) => {
          const [, url] = await cli.printed(/runs are shown at (http:\/\/127\.0\.0\.1:\d+\/)/);
          const told: string[] = [];
          const socket = new WebSocket(url!.replace('http', 'ws')); // The pattern has one group.
          socket.on('message', (data: Buffer) => void told.push(data.toString()));
          await once(socket, 'open');
          await saga.bus.publish(CTL.pipelineStart, { model: 'face', runId: 'n1' }, { id: 'n1' });
          await saga.event(pipelineEventSubject('completed', 'n1'));
          await until(() => told.some((text) => text.includes('"value":"completed"')), 'the last snapshot');
          assert.match(told[0]!, /"type":"@xstate\.actor".*"sessionId":"n1"|"sessionId":"n1".*"type":"@xstate\.actor"/);
          cli.kill('SIGTERM');
          assert.is((await cli.exited).code, 0, cli.output());
        });
      }),
    ),
  ));

test.run();
