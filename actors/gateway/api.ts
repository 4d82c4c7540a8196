/**
 * `/api/v1`: the orchestrator's questions for all who may look, and its commands for those who have logged in as operator.
 * Each is answered by the orchestrator; nothing is decided here.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import type { Question } from '../../contracts/api.ts';
import { API } from '../../contracts/subjects.ts';
import { ask } from '../../infra/messaging/ask-api.ts';
import { programRoot } from '../../runtime/program.ts';
import type { Answers } from './answers.ts';
import { COMMAND_ROUTES, HELD, ME, READS, REPLICAS, RUNS, RunsQuerySchema } from './api-table.ts';
import { ACTS, demand, may } from './callers.ts';
import type { Connections } from './connections.ts';
import { openApi } from './openapi.ts';
import { inputOf, jsonOf, parsed } from './requests.ts';

export interface ApiOptions {
  readonly answers: Answers;
  readonly connections: Connections;
}

const ROOT = '/api/v1';
/** States in which a run waits for a person, by their first word. */
const HELD_STATES: readonly string[] = ['awaitingApproval', 'paused', 'needsOperator'];

export function addApi(app: FastifyInstance, { answers, connections }: ApiOptions): void {
  for (const { path, subject, input } of READS) {
    app.get(`${ROOT}${path}`, (request) => {
      // The subject's own schema has parsed it; a Route does not keep which that is.
      return answers.of(subject!, inputOf(input, request) as Question<typeof API.status>);
    });
  }
  app.get(`${ROOT}${RUNS.path}`, async (request) => pageOf(answers, inputOf(RunsQuerySchema, request)));
  app.get(`${ROOT}${REPLICAS.path}`, async (request) => {
    const { model } = inputOf(REPLICAS.input, request) as { model?: string }; // As its schema has it.
    const { models } = await answers.of(API.status, {});
    return { replicas: models.filter((it) => model === undefined || it.model === model).flatMap((it) => it.replicas) };
  });
  app.get(`${ROOT}${HELD.path}`, async () => {
    const { models } = await answers.of(API.status, {});
    const active = models.flatMap(({ activeRun }) => (activeRun ? [activeRun] : []));
    return { runs: active.filter(({ state }) => HELD_STATES.includes(topOf(state))) };
  });
  app.get(`${ROOT}${ME.path}`, ({ caller }) => ({
    ...{ name: caller.name, role: caller.role, who: caller.login?.who ?? null },
    may: ACTS.filter((act) => may(caller, act)),
  }));
  for (const { path, subject, input } of COMMAND_ROUTES) {
    app.post(`${ROOT}${path}`, async (request) => {
      demand(request.caller, 'command');
      const data = parsed(input, jsonOf(request));
      const nc = await connections.of(request.caller);
      const who = request.caller.login?.who;
      return ask(nc, subject, data as Question<typeof subject>, who); // By its own schema, as above.
    });
  }
  app.get(`${ROOT}/statechart`, async (_request, reply) => {
    // Drift-checked against the machine: `npm run machine:export -- --check`.
    return reply.type('application/json').send(readFileSync(join(programRoot(), 'docs/pipeline.json')));
  });
  const described = openApi();
  app.get('/openapi.json', { config: { open: true } }, () => described);
}

/** Throws RUN_UNKNOWN for a cursor that is none of these pages. */
async function pageOf(answers: Answers, { cursor, limit, ...wanted }: z.infer<typeof RunsQuerySchema>) {
  const before = cursor === undefined ? {} : { before: cursor };
  // One more shows whether there is another page.
  const { runs, total } = await answers.of(API.runs, { ...wanted, ...before, limit: limit + 1 });
  const page = runs.slice(0, limit);
  return { runs: page, next: runs.length > limit ? page.at(-1)!.runId : null, total };
}

const topOf = (state: string) => state.split('.')[0]!;
