/**
 * The demo as a story, in order: a first night, live traffic, newcomers, a second night, a bad night, a rollback.
 * It acts only through public subjects and the two data services, as a user's system would.
 */
import type { NatsConnection } from 'nats';
import { PipelineError } from '../contracts/errors.ts';
import { IdentifyReplySchema } from '../contracts/inference.ts';
import { CompletedSchemas, ModelDeployedSchema } from '../contracts/messages.ts';
import { inferSubject, modelDeployedSubject, type Stage } from '../contracts/subjects.ts';
import type { Bus } from '../infra/messaging/bus.ts';
import { readAnswer } from '../cli/client.ts';
import { newRunId, rollBack } from '../cli/commands/operate.ts';
import { startAndFollow, type RunEnd, type RunWatcher } from '../cli/follow.ts';
import { createStageView } from '../cli/stage-view.ts';
import type { DataServices } from './data-services.ts';
import { startTraffic, type Traffic, type TrafficFigures } from './traffic.ts';

export const MODEL = 'face';
const REQUESTS_PER_SECOND = 100;
/** Long enough for the steady latency to be a fair comparison. */
const STEADY_REQUESTS_MS = 3_000;
/** The first requests meet code that is not compiled yet, and the backlog that this leaves; counted apart. */
const WARM_UP_MS = 1_500;

export interface StoryContext {
  readonly nc: NatsConnection;
  readonly bus: Bus;
  readonly url: string;
  readonly data: DataServices;
  /** Plain words for a person. */
  readonly say: (text: string) => void;
  readonly quiet: boolean;
  readonly signal: AbortSignal;
  readonly wait: (ms: number) => Promise<void>;
}

export interface Night {
  readonly end: RunEnd;
  readonly stagesMs: Partial<Record<Stage, number>>;
  readonly imagesPerSecond: number;
  readonly rank1: number;
}
export interface Recognised {
  /** Shares of live images answered with the right person. */
  readonly known: number;
  readonly newcomers: number;
}
export interface Story {
  readonly first: Night;
  readonly second: Night;
  readonly bad: Night;
  readonly before: Recognised;
  readonly after: Recognised;
  readonly rollbackMs: number;
  readonly swapUsMax: number;
  readonly traffic: TrafficFigures;
}

export async function tellStory(c: StoryContext): Promise<Story> {
  const swaps: number[] = [];
  let traffic: Traffic | null = null;
  const deployed = c.bus.listen(modelDeployedSubject(MODEL), ({ envelope }) => {
    const { release, swapUsMax } = ModelDeployedSchema.parse(envelope.data);
    swaps.push(swapUsMax);
    traffic?.inService(release);
  });
  try {
    c.say(`1. First night: nobody is known yet; ${c.data.people.length} people are enrolled in Auth and Helper.`);
    const first = await night(c);
    mustComplete('first', first);

    c.say(`\n2. The doors open: ${REQUESTS_PER_SECOND} identify requests a second, from now on without pause.`);
    traffic = await startTraffic({
      url: c.url,
      model: MODEL,
      requestsPerSecond: REQUESTS_PER_SECOND,
      probes: c.data.people.flatMap((person) => c.data.liveProbes(person)),
    });
    await c.wait(WARM_UP_MS);
    traffic.period('before');
    await c.wait(STEADY_REQUESTS_MS);

    c.data.enrolNewPeople();
    const before = await recognise(c);
    c.say(`\n3. ${c.data.newPeople.length} newcomers enrol in Helper. Recognised by release 1: ${say(before)}`);

    c.say('\n4. Second night, under the traffic.');
    const second = await night(c, traffic);
    mustComplete('second', second);
    const after = await recognise(c);
    c.say(`   Recognised by release 2: ${say(after)}`);

    c.say('\n5. A bad night: the services hand out shuffled labels.');
    c.data.shuffleLabels(true);
    const bad = await night(c, traffic);
    c.data.shuffleLabels(false);
    traffic.period('after');
    c.say(`   The run ended "${bad.end.fact}"; release 2 serves on. Recognised: ${say(await recognise(c))}`);

    c.say('\n6. An operator rolls back.');
    const { deployed: rolledBack, ms } = await rollBack(c.bus, MODEL, 'demo');
    swaps.push(rolledBack.swapUsMax);
    c.say(`   The model of release 1 serves again, as release ${rolledBack.release}, after ${ms.toFixed(0)} ms.`);
    await c.wait(STEADY_REQUESTS_MS / 3);

    const figures = await traffic.stop();
    traffic = null;
    return { first, second, bad, before, after, rollbackMs: ms, swapUsMax: Math.max(...swaps), traffic: figures };
  } finally {
    deployed.stop();
    await traffic?.kill();
  }
}

/** The rest of the story has no sense without it. */
function mustComplete(name: string, { end }: Night): void {
  if (end.fact === 'completed') return;
  const message = `the ${name} night ended "${end.fact}": ${end.failure?.message ?? 'verification refused its model'}`;
  throw new PipelineError(end.failure?.code ?? 'INTERNAL', message);
}

/** One run, shown stage by stage. The traffic's periods follow the run's states. */
async function night(c: StoryContext, traffic?: Traffic): Promise<Night> {
  const view = createStageView(process.stderr, c.quiet);
  const figures = { imagesPerSecond: 0, rank1: 0 };
  const watcher: RunWatcher = {
    progress: view.progress,
    completed: (stage, data) => {
      view.completed(stage, data);
      if (stage === 'train') figures.imagesPerSecond = CompletedSchemas.train.parse(data).imagesPerSecond;
      if (stage === 'verify') figures.rank1 = CompletedSchemas.verify.parse(data).figures.candidate.accuracy.rank1;
    },
    advanced: (state) => {
      view.advanced(state);
      traffic?.period(periodOf(state));
    },
  };
  const end = await startAndFollow(
    c.bus,
    { model: MODEL, runId: newRunId(new Date()), reason: 'demo' },
    watcher,
    c.signal,
  ).finally(view.close);
  return { end, stagesMs: { ...view.durationsMs }, ...figures };
}

/** "loading": every replica loads and checks the candidate; "during": until all have switched; "after": the calm that follows. */
function periodOf(state: string): string {
  if (state.startsWith('deploying.guarding') || state === 'completed') return 'after';
  if (state.startsWith('deploying.preparing')) return 'loading';
  return state.startsWith('deploying') ? 'during' : 'training';
}

/** One image after the other: a burst of questions would show in the latency of the traffic beside it. */
async function recognise(c: StoryContext): Promise<Recognised> {
  const share = async (people: readonly string[]) => {
    const images = people.flatMap((person) => c.data.liveProbes(person).map((image) => ({ person, image })));
    let right = 0;
    for (const { person, image } of images) if ((await identify(c, image)) === person) right++;
    return right / images.length;
  };
  return { known: await share(c.data.people), newcomers: await share(c.data.newPeople) };
}

async function identify({ nc }: StoryContext, image: Uint8Array): Promise<string | null> {
  const subject = inferSubject(MODEL, 'identify');
  const answer = await nc.request(subject, image, { timeout: 5_000 });
  return readAnswer(answer, IdentifyReplySchema, subject).person;
}

const say = ({ known, newcomers }: Recognised) => `staff ${percent(known)}, newcomers ${percent(newcomers)}`;
export const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
