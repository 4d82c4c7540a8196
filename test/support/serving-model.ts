/**
 * A model of replicas, a store, an orchestrator and clients, in simulated time and driven by a seed: links break, the store
 * loses its quorum, replicas freeze, commits happen where the store can be written. Each replica decides with the product's
 * own Standing and verdictOf; all around them is written anew here. Used by consistency.test.ts.
 */
import { verdictOf, type Consistency, type Look } from '../../services/serving/replica/consistency.ts';
import { LOOK_MS } from '../../services/serving/replica/lookout.ts';
import { Standing } from '../../services/serving/replica/standing.ts';

export interface ModelOptions {
  readonly seed: number;
  readonly consistency: Consistency;
  readonly durationMs: number;
  /** Share of requests that demand a release. */
  readonly fencedShare: number;
  /** Troubles per simulated second. */
  readonly troubles: number;
  /** The store loses its quorum, and nothing else happens. */
  readonly isOnlyStore?: boolean;
}

export interface ModelReply {
  readonly release: number;
  readonly isStale: boolean;
  readonly isFenced: boolean;
  /** The newest release that was complete when it was sent, and when the look began that it is based on. */
  readonly completeAtSend: number;
  readonly completeAtLook: number;
  /** The store could be reached from the look's beginning to its end. */
  readonly couldKnow: boolean;
  readonly ageMs: number;
  /** How long before it was sent its release was still the one in service, 0 if it is. */
  readonly trueAgeMs: number;
}

export interface ModelResult {
  readonly replies: readonly ModelReply[];
  readonly requests: number;
  readonly releases: number;
  /** Requests that were not answered within their deadline. */
  readonly unanswered: number;
}

const TIME_TO_LIVE_MS = 5_000;
const NETWORK_MS_MAX = 40;
const DEADLINE_MS = 2_000;
/** By then each replica has read the record once. */
const SETTLED_MS = 2_000;

interface ModelReplica {
  readonly name: string;
  readonly standing: Standing;
  wanted: number | null;
  served: number;
  isLinked: boolean;
  frozenUntilMs: number;
  /** Releases on which requests are under way. */
  readonly leases: number[];
}

/** mulberry32, by Tommy Ettinger: small and good enough for a model. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function runServingModel({
  seed,
  consistency,
  durationMs,
  fencedShare,
  troubles,
  isOnlyStore,
}: ModelOptions): ModelResult {
  const random = randomOf(seed);
  const between = (min: number, max: number) => min + random() * (max - min);
  let now = 0;
  const events: { readonly atMs: number; readonly act: () => void }[] = [];
  const at = (atMs: number, act: () => void) => {
    const place = events.findLastIndex((it) => it.atMs <= atMs) + 1;
    events.splice(place, 0, { atMs, act });
  };
  const after = (ms: number, act: () => void) => at(now + ms, act);

  // The store: one record, and heartbeats that vanish.
  let isUp = true;
  let record = 1;
  const heartbeats = new Map<string, { readonly release: number; readonly untilMs: number }>();
  /** Release -> when it was complete. */
  const completeAt = [0, 0];
  const completeBy = (ms: number) => completeAt.findLastIndex((it) => it <= ms);
  /** When the way from a replica to the store was last broken, or came back: a look across such a moment may be lost. */
  const brokenAt = new Map<string, number>();
  const canReach = (replica: ModelReplica) => isUp && replica.isLinked;
  const noteBreak = () => replicas.filter((it) => !canReach(it)).forEach((it) => brokenAt.set(it.name, now));

  const replicas: readonly ModelReplica[] = ['a', 'b', 'c'].map((name) => ({
    ...{ name, wanted: null, served: 1, isLinked: true, frozenUntilMs: 0, leases: [] },
    standing: new Standing(() => now),
  }));

  /** What a replica does happens when it is not frozen. */
  const when = (replica: ModelReplica, ms: number, act: () => void): void =>
    after(ms, () => {
      if (now < replica.frozenUntilMs) when(replica, replica.frozenUntilMs - now, act);
      else act();
    });
  const network = () => between(1, NETWORK_MS_MAX);
  /** A question and its answer; lost if the way is broken at either moment. */
  const ask = <T>(replica: ModelReplica, there: () => T, back: (answer: T) => void) =>
    after(network(), () => {
      if (!canReach(replica)) return;
      const answer = there();
      after(network(), () => {
        if (canReach(replica)) when(replica, 0, () => back(answer));
      });
    });

  const obey = (replica: ModelReplica, release: number) => {
    if (release < (replica.wanted ?? 0)) return;
    replica.wanted = release;
    const confirm = () => {
      if (replica.served === replica.wanted) replica.standing.confirm();
    };
    confirm();
    // Resident most often, loaded first now and then.
    const takesMs = random() < 0.7 ? 0 : between(50, 800);
    when(replica, takesMs, () => {
      replica.served = Math.max(replica.served, release);
      confirm();
    });
  };
  const beat = (replica: ModelReplica) => {
    const sentAtMs = now;
    // A release that still answers requests is not left yet.
    const served = Math.min(replica.served, ...replica.leases);
    const store = () => heartbeats.set(replica.name, { release: served, untilMs: now + TIME_TO_LIVE_MS });
    ask(replica, store, () => {
      replica.standing.renew(sentAtMs + TIME_TO_LIVE_MS, sentAtMs);
      if (!replica.standing.isInformed) inform(replica);
    });
  };
  const inform = (replica: ModelReplica) => {
    const { term } = replica.standing;
    ask(
      replica,
      () => record,
      (release) => {
        obey(replica, release);
        replica.standing.inform(term);
        if (replica.served === replica.wanted) replica.standing.confirm();
      },
    );
  };
  const every = (ms: number, act: () => void): void => {
    act();
    after(ms, () => every(ms, act));
  };
  for (const replica of replicas) every(1_000, () => when(replica, 0, () => beat(replica)));

  // The orchestrator: commits where it can write, and calls a commit complete when each live heartbeat says so.
  every(100, () => {
    if (!isUp) return;
    const live = [...heartbeats.values()].filter(({ untilMs }) => untilMs > now);
    if (completeAt[record] === undefined && live.every(({ release }) => release >= record)) completeAt[record] = now;
    if (completeAt[record] === undefined || random() > 0.06) return;
    record += 1;
    const release = record;
    for (const replica of replicas) {
      // By the watch, which may miss it.
      if (random() < 0.8)
        ask(
          replica,
          () => release,
          (it) => obey(replica, it),
        );
    }
  });

  // Troubles.
  const trouble = () => {
    const replica = replicas[Math.floor(random() * replicas.length)]!;
    const kind = isOnlyStore ? 0 : random();
    const lastsMs = between(200, 15_000);
    if (kind < 0.35) {
      isUp = false;
      after(lastsMs, () => (isUp = true));
    } else if (kind < 0.7) {
      replica.isLinked = false;
      after(lastsMs, () => (replica.isLinked = true));
    } else {
      replica.frozenUntilMs = now + lastsMs;
    }
    noteBreak();
  };
  every(1_000, () => {
    if (now >= SETTLED_MS && random() < troubles) trouble();
  });

  // Clients.
  const replies: ModelReply[] = [];
  let requests = 0;
  let unanswered = 0;
  const request = (replica: ModelReplica) => {
    requests += 1;
    const isFenced = random() < fencedShare;
    const untilMs = now + DEADLINE_MS;
    when(replica, 0, () => attempt(replica, isFenced, untilMs));
  };
  const attempt = (replica: ModelReplica, isFenced: boolean, untilMs: number): void => {
    if (now >= untilMs) return void (unanswered += 1);
    const { standing } = replica;
    const mayBeStale = consistency === 'available' && !isFenced && replica.wanted === replica.served;
    if (!standing.isGood && !mayBeStale) return when(replica, 20, () => attempt(replica, isFenced, untilMs));
    const term = standing.isGood ? standing.term : null;
    const answered = replica.served;
    replica.leases.push(answered);
    const vouch = (look: Look, begunAtMs: number) => {
      const { isGood } = standing;
      const wasGood = term !== null && standing.term === term;
      const { wanted } = replica;
      const verdict = verdictOf({ consistency, isFenced, isGood, wasGood, answered, wanted, look });
      if (verdict === 'hold') return attempt(replica, isFenced, untilMs);
      if (verdict === 'look') return lookFor(replica, vouch);
      replies.push({
        ...{ release: answered, isStale: verdict === 'stale', isFenced },
        completeAtSend: completeBy(now),
        completeAtLook: completeBy(begunAtMs),
        couldKnow: canReach(replica) && (brokenAt.get(replica.name) ?? -1) < begunAtMs,
        ageMs: standing.ageMs,
        trueAgeMs: completeBy(now) <= answered ? 0 : now - completeAt[answered + 1]!,
      });
    };
    when(replica, between(1, 60), () => {
      replica.leases.splice(replica.leases.indexOf(answered), 1);
      vouch('none', now);
    });
  };
  const lookFor = (replica: ModelReplica, then: (look: Look, begunAtMs: number) => void) => {
    const begunAtMs = now;
    let isOver = false;
    const end = (look: Look) => {
      if (isOver) return;
      isOver = true;
      then(look, begunAtMs);
    };
    ask(
      replica,
      () => record,
      (release) => {
        obey(replica, release);
        end('reached');
      },
    );
    // After what a frozen process finds when it wakes up.
    when(replica, LOOK_MS, () => when(replica, 1, () => end('unanswered')));
  };
  every(15, () => request(replicas[Math.floor(random() * replicas.length)]!));

  while (now < durationMs) {
    const next = events.shift()!;
    now = next.atMs;
    next.act();
    noteBreak();
  }
  return { replies, requests, releases: record, unanswered };
}
