/** An orchestrator with a fast clock in a process of its own that can be killed. Started by schedule-soak.ts. */
import { openOrchestratorContext } from '../../actors/orchestrator/context.ts';
import { startOrchestrator } from '../../actors/orchestrator/orchestrator.ts';
import { applySchedules } from '../../actors/orchestrator/schedule.ts';
import type { CarriedPipeline } from '../../contracts/configuration/carried.ts';
import { askForever } from '../../infra/messaging/ask-again.ts';
import { connectNats } from '../../infra/messaging/connection.ts';
import { openConfigs } from '../../infra/stores/config-store.ts';
import { configure } from './configured.ts';
import { onFastClock, type FastClock } from './fast-clock.ts';
import { namesOnly } from './local.ts';
import { testLogger } from './server.ts';

export interface ScheduleProcessOptions {
  readonly url: string;
  readonly clock: FastClock;
  readonly pipeline: CarriedPipeline;
}

// Written by schedule-soak.ts.
const { url, clock, pipeline } = JSON.parse(process.argv[2]!) as ScheduleProcessOptions;
const log = testLogger();
const nc = await connectNats({ url, name: 'schedule-process', log });
await configure(await openConfigs(nc), { face: pipeline });
const context = onFastClock(await openOrchestratorContext(nc, namesOnly({ face: pipeline }), log), clock);
await askForever('schedules are applied', () => applySchedules(context), log);
startOrchestrator(context);
