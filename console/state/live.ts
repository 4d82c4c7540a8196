/**
 * What happens, as it happens: reads the gateway's events, comes back by itself when the stream breaks, and says so. Each
 * event makes what is shown be looked at anew, at most so often; the progress of work is taken from the events themselves.
 */
import { signal } from '@preact/signals';
import type { Progress } from '../../contracts/progress.ts';
import {
  modelDeployedSubject,
  modelRolledBackSubject,
  WORK_STAGES,
  workEventSubject,
} from '../../contracts/subjects.ts';
import { apiPath } from './api.ts';
import { waitMs } from './backoff.ts';
import { parseEvents, REST_CHARACTERS_MAX, type ServerEvent } from './event-stream.ts';
import { authorization, loginAsked, token } from './session.ts';

/** An answer of the gateway is fresh for half a second. */
const LOOK_MS = 700;
const LAST_LOOK_MS = 2_500;
/** Figures of replicas are looked at as often. */
const BEAT_MS = 3_000;
/** Whatever was heard or missed. */
const BEATS_OF_LOOK = 5;
/** The gateway says something every 15 s. */
const SILENCE_MS = 40_000;
const RUNS_MAX = 50;

export type Connection =
  | { readonly state: 'connecting' }
  | { readonly state: 'live' }
  | { readonly state: 'waiting'; readonly untilMs: number; readonly why: string };

export const connection = signal<Connection>({ state: 'connecting' });
/** Counts up whenever something may have happened. */
export const tick = signal(0);
/** Counts up as time goes by: heartbeats are no events. */
export const beat = signal(0);
export const now = signal(Date.now());
/** By run: of the latest step of its work. */
export const progress = signal<ReadonlyMap<string, Progress>>(new Map());
/** Swaps of the releases in service in microseconds, by run. */
export const swaps = signal<ReadonlyMap<string, number>>(new Map());

let looking: number | null = null;
let lookingLast = 0;
let lastId: string | null = null;
let stop = new AbortController();

/** Never ends. A change of the token begins anew. */
export function listen(): void {
  setInterval(() => {
    now.value = Date.now();
    if (document.hidden) return;
    beat.value += 1;
    // An answer may have taken longer than the last look waited.
    if (beat.value % BEATS_OF_LOOK === 0) look();
  }, BEAT_MS);
  document.addEventListener('visibilitychange', lookSoon);
  token.subscribe(() => {
    stop.abort();
    stop = new AbortController();
    void follow(stop.signal); // It rejects never.
  });
}

async function follow(ended: AbortSignal): Promise<void> {
  for (let failures = 0; !ended.aborted;) {
    connection.value = { state: 'connecting' };
    const why = await readStream(ended, () => (failures = 0)).catch((error: unknown) => (error as Error).message);
    if (ended.aborted) return;
    failures += 1;
    const wait = waitMs(failures, Math.random());
    connection.value = { state: 'waiting', untilMs: Date.now() + wait, why };
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

/** Answers why it ended. */
async function readStream(ended: AbortSignal, connected: () => void): Promise<string> {
  const silent = new AbortController();
  const headers = { ...authorization(), ...(lastId === null ? {} : { 'last-event-id': lastId }) };
  const either = AbortSignal.any([ended, silent.signal]);
  const response = await fetch(apiPath('/events'), { headers, signal: either, cache: 'no-store' });
  if (response.status === 401) loginAsked.value = 'The gateway asks for a login.';
  if (!response.ok || response.body === null) return `the gateway answered ${response.status}`;
  connected();
  connection.value = { state: 'live' };
  lookSoon();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const timer = setTimeout(() => silent.abort(), SILENCE_MS);
    const { done, value } = await reader.read().finally(() => clearTimeout(timer));
    if (done) return 'the gateway closed the stream';
    const parsed = parseEvents(rest + value);
    rest = parsed.rest;
    if (rest.length > REST_CHARACTERS_MAX) return 'an event has no end';
    for (const event of parsed.events) hear(event);
  }
}

const PROGRESSED = WORK_STAGES.map((stage) => workEventSubject(stage, 'progressed', ''));
const SWAPPED = [modelDeployedSubject(''), modelRolledBackSubject('')];
const isOneOf = (subject: string, beginnings: readonly string[]) => beginnings.some((it) => subject.startsWith(it));

function hear({ id, event, data }: ServerEvent): void {
  if (id !== null) lastId = id;
  if (isOneOf(event, PROGRESSED)) {
    const said = (JSON.parse(data) as { data: { runId: string; progress: Progress } }).data; // ProgressedSchema.
    progress.value = keptWith(progress.value, said.runId, said.progress);
    return;
  }
  if (isOneOf(event, SWAPPED)) {
    const said = (JSON.parse(data) as { data: { runId: string; swapUsMax: number } }).data; // ModelDeployedSchema.
    swaps.value = keptWith(swaps.value, said.runId, said.swapUsMax);
  }
  lookSoon();
}

function keptWith<T>(kept: ReadonlyMap<string, T>, runId: string, value: T): ReadonlyMap<string, T> {
  const others = [...kept].filter(([id]) => id !== runId).slice(-RUNS_MAX);
  return new Map([...others, [runId, value]]);
}

/** Soon, and once more when all is quiet: the gateway may give an answer of just before the event. */
export function lookSoon(): void {
  looking ??= window.setTimeout(() => {
    looking = null;
    look();
  }, LOOK_MS);
  clearTimeout(lookingLast);
  lookingLast = window.setTimeout(look, LAST_LOOK_MS);
}

function look(): void {
  now.value = Date.now();
  tick.value += 1;
}
