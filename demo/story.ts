/**
 * The demo as a story, in order: a first night, live traffic, newcomers, a second night, two bad nights, a rollback. In
 * each phase staff, newcomers and strangers come to the door.
 * It acts only through public subjects and the two data services, as a user's system would.
 */
import type { Client } from '../client/client.ts';
import { PipelineError } from '../contracts/errors.ts';
import { CompletedSchemas, ModelDeployedSchema } from '../contracts/messages.ts';
import { modelDeployedSubject, type Stage } from '../contracts/subjects.ts';
import type { Login } from '../infra/config/nats.ts';
import type { Bus } from '../infra/messaging/bus.ts';
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
  readonly bus: Bus;
  /** At the door: it may ask who somebody is, and nothing else. */
  readonly door: Client;
  readonly url: string;
  readonly doorLogin: Login;
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
  /** Each person counting once. */
  readonly rank1: number;
  /** Why the verification did not bless the candidate, the gravest reason first; empty if it did. */
  readonly reasons: readonly string[];
}
/** Live images that nobody has trained on, by how the door answers them. */
export interface AtTheDoor {
  readonly staff: Answers;
  readonly newcomers: Answers;
  readonly strangers: Answers;
}
export interface Answers {
  readonly images: number;
  /** With the right name. */
  readonly right: number;
  /** With somebody else's. */
  readonly wrong: number;
}
export interface Story {
  readonly first: Night;
  readonly second: Night;
  readonly badLabels: Night;
  readonly emptyStreet: Night;
  readonly before: AtTheDoor;
  readonly after: AtTheDoor;
  /** After both bad nights. */
  readonly afterBad: AtTheDoor;
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
    c.say(
      `1. First night: nobody is known yet; ${c.data.people.length} people are enrolled in Auth and Helper.\n` +
        '   Street has strangers, by whom the thresholds are set.',
    );
    const first = await night(c);
    mustComplete('first', first);

    c.say(`\n2. The doors open: ${REQUESTS_PER_SECOND} identify requests a second, from now on without pause.`);
    traffic = await startTraffic({
      url: c.url,
      login: c.doorLogin,
      model: MODEL,
      requestsPerSecond: REQUESTS_PER_SECOND,
      probes: [...c.data.people.flatMap((person) => c.data.liveProbes(person)), ...c.data.liveStrangers],
    });
    await c.wait(WARM_UP_MS);
    traffic.period('before');
    await c.wait(STEADY_REQUESTS_MS);

    c.data.enrolNewPeople();
    const before = await atTheDoor(c);
    c.say(`\n3. ${c.data.newPeople.length} newcomers enrol in Helper. At the door, by release 1: ${say(before)}`);

    c.say('\n4. Second night, under the traffic.');
    const second = await night(c, traffic);
    mustComplete('second', second);
    const after = await atTheDoor(c);
    c.say(`   At the door, by release 2: ${say(after)}`);

    c.say('\n5. A bad night: the services hand out shuffled labels.');
    c.data.shuffleLabels(true);
    const badLabels = await night(c, traffic);
    c.data.shuffleLabels(false);
    c.say(endOf(badLabels));

    c.say('\n6. A worse night: nobody is on the street, so that a low threshold seems to keep all strangers out.');
    c.data.emptyStreet(true);
    const emptyStreet = await night(c, traffic);
    c.data.emptyStreet(false);
    traffic.period('after');
    const afterBad = await atTheDoor(c);
    c.say(endOf(emptyStreet));
    c.say(`   Release 2 serves on: ${say(afterBad)}`);

    c.say('\n7. An operator rolls back.');
    const { deployed: rolledBack, ms } = await rollBack(c.bus, MODEL, 'demo');
    swaps.push(rolledBack.swapUsMax);
    c.say(`   The model of release 1 serves again, as release ${rolledBack.release}, after ${ms.toFixed(0)} ms.`);
    await c.wait(STEADY_REQUESTS_MS / 3);

    const figures = await traffic.stop();
    traffic = null;
    const nights = { first, second, badLabels, emptyStreet };
    return { ...nights, before, after, afterBad, rollbackMs: ms, swapUsMax: Math.max(...swaps), traffic: figures };
  } finally {
    deployed.stop();
    await traffic?.kill();
  }
}

const endOf = (night: Night) => `   It ended ${night.end.fact}: ${reasonOf(night)}.`;

/** The gravest one. */
export const reasonOf = ({ end, reasons }: Night) => reasons[0] ?? end.failure?.message ?? 'none';

/** The rest of the story has no sense without it. */
function mustComplete(name: string, night: Night): void {
  const { end } = night;
  if (end.fact === 'completed') return;
  const message = `the ${name} night ended "${end.fact}": ${reasonOf(night)}`;
  throw new PipelineError(end.failure?.code ?? 'INTERNAL', message);
}

/** One run, shown stage by stage. The traffic's periods follow the run's states. */
async function night(c: StoryContext, traffic?: Traffic): Promise<Night> {
  const view = createStageView(process.stderr, c.quiet);
  const figures = { imagesPerSecond: 0, rank1: 0, reasons: [] as readonly string[] };
  const watcher: RunWatcher = {
    progress: view.progress,
    failed: view.failed,
    completed: (stage, data) => {
      view.completed(stage, data);
      if (stage === 'train') figures.imagesPerSecond = CompletedSchemas.train.parse(data).imagesPerSecond;
      if (stage !== 'verify') return;
      const { reasons, figures: measured } = CompletedSchemas.verify.parse(data);
      Object.assign(figures, { reasons, rank1: measured?.candidate.accuracy.recognition.rank1PerPerson ?? 0 });
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
async function atTheDoor(c: StoryContext): Promise<AtTheDoor> {
  const ask = async (images: readonly { readonly person: string | null; readonly image: Uint8Array }[]) => {
    const names: (string | null)[] = [];
    for (const { image } of images) names.push((await c.door.identify(image)).person);
    const right = names.filter((name, index) => name !== null && name === images[index]!.person).length;
    return { images: images.length, right, wrong: names.filter((name) => name !== null).length - right };
  };
  const of = (people: readonly string[]) =>
    people.flatMap((person) => c.data.liveProbes(person).map((image) => ({ person, image })));
  return {
    staff: await ask(of(c.data.people)),
    newcomers: await ask(of(c.data.newPeople)),
    strangers: await ask(c.data.liveStrangers.map((image) => ({ person: null, image }))),
  };
}

const say = ({ staff, newcomers, strangers }: AtTheDoor) =>
  `staff ${percent(rightOf(staff))}, newcomers ${percent(rightOf(newcomers))}; ` +
  `${strangers.wrong} of ${strangers.images} strangers let in`;
export const rightOf = ({ right, images }: Answers) => (images === 0 ? 0 : right / images);
export const wrongOf = ({ wrong, images }: Answers) => (images === 0 ? 0 : wrong / images);
export const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
