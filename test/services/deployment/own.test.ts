/** A deployment strategy of one's own: the suite of all of them, and that one which cannot be asked harms nobody. */
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createHotSwap } from '../../../services/deployment/hot-swap.ts';
import { createDeploymentStrategy } from '../../../services/deployment/strategies.ts';
import type { DeploymentObservation } from '../../../services/deployment/strategy.ts';
import { ANNOUNCED, COMMITTED, CONFIG, conforms, prepared, saidBy } from './deployment-strategy.conformance.ts';

const MODULE = join(import.meta.dirname, '../../support/own/deployment.mjs');
const own = (options: Record<string, unknown>, module = MODULE) => createDeploymentStrategy({ module, options });

conforms(await own({}));

const at = (phase: DeploymentObservation['phase']): DeploymentObservation => ({
  ...{ runId: 'r2', phase, windowOver: false, replicas: [prepared('a'), prepared('b')] },
  deployment: phase === 'preparing' ? ANNOUNCED : COMMITTED,
});

for (const [what, options, module, reason] of [
  ['that cannot be loaded', {}, '/nowhere/own.mjs', /module \/nowhere\/own\.mjs cannot be loaded/],
  ['that throws', { throws: 'no idea' }, MODULE, /verdict on run r2 is an error: no idea/],
  ['whose verdict is none', { says: { action: 'hope' } }, MODULE, /verdict on run r2 is none: {"action":"hope"}/],
] as const)
  test(`own deployment strategy: one ${what} puts nothing into service and takes back what it did`, async () => {
    const strategy = await own(options, module);
    for (const [phase, action] of [
      ['preparing', 'abort'],
      ['guarding', 'roll-back'],
    ] as const) {
      const verdict = strategy.decide(at(phase), CONFIG);
      assert.is(verdict.action, action);
      assert.match(saidBy(verdict), /^STRATEGY_UNAVAILABLE /);
      assert.match(saidBy(verdict), reason);
    }
    for (const phase of ['committing', 'rollingBack'] as const)
      assert.equal(strategy.decide(at(phase), CONFIG), createHotSwap().decide(at(phase), CONFIG));
  });

test.run();
