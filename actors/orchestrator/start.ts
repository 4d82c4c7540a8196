/** The parts of the orchestrator that main.ts wires together, as one module that is loaded when they are needed. */
export { endpointsOf } from './api.ts';
export { openOrchestratorContext } from './context.ts';
export { startOrchestrator } from './orchestrator.ts';
export { applySchedules } from './schedule.ts';
export { openWitnesses } from './witnesses.ts';
