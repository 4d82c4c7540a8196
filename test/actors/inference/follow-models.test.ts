/** A process serves the models that are configured: at its start, when one is applied, and no longer when one is removed. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import pino from 'pino';
import { followModels } from '../../../actors/inference/follow-models.ts';
import { changeConfig } from '../../../actors/orchestrator/configuration.ts';
import { openConfigs, openSeenConfigs } from '../../../infra/stores/config-store.ts';
import { configure } from '../../support/configured.ts';
import { pipelineConfig } from '../../support/runs.ts';
import { withServer } from '../../support/server.ts';
import { until } from '../../support/wait.ts';

test('follow models: replicas come and go with their model, and another revision of it leaves them alone', () =>
  withServer(async ({ connect }) => {
    const nc = await connect();
    const configs = await openConfigs(nc);
    const lines: string[] = [];
    const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
    const events: string[] = [];
    const start = async (model: string) => {
      if (model === 'broken') throw new Error('no memory');
      events.push(`start ${model}`);
      return { stop: async () => void events.push(`stop ${model}`) };
    };
    await configure(configs, { face: pipelineConfig() });
    const following = await followModels({ configs: await openSeenConfigs(nc), start, log });
    assert.equal(events, ['start face']);
    await configure(configs, { face: pipelineConfig({ training: { epochs: 7 } }), broken: pipelineConfig() });
    await configure(configs, { door: pipelineConfig() });
    await until(() => events.includes('start door'), 'the model that was applied');
    assert.match(lines.join(''), /"model":"broken".*no memory.*replicas of the model could not be changed/);
    await changeConfig(configs, {
      ...{ model: 'face', pipeline: null, definitions: {}, verb: 'remove', from: null, expected: null },
      ...{ at: '2026-01-01', by: 'ada', commandId: 'c1', reason: null },
    });
    await until(() => events.includes('stop face'), 'the model that was removed');
    await following.stop();
    assert.equal(events, ['start face', 'start door', 'stop face', 'stop door']);
  }));

test('follow models: a process without any waits with a line that says what to do', () =>
  withServer(async ({ connect }) => {
    const lines: string[] = [];
    const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
    const configs = await openSeenConfigs(await connect());
    const following = await followModels({ configs, start: () => Promise.reject(new Error('none')), log });
    assert.match(lines.join(''), /inference waits: no model is configured.*nightshift apply -f/);
    await following.stop();
  }));

test.run();
