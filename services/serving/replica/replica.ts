/**
 * The state of one replica: the desired state, the release in service behind an atomic reference, the residents, the
 * standing, and the status that others read. It decides nothing: converge.ts and service.ts move it, answer.ts reads
 * it. Each change of it is emitted by `changes`.
 */
import type { Failure, PipelineError } from '../../../contracts/errors.ts';
import type { Deployment, ModelPair, Release } from '../../../contracts/release.ts';
import type { ReplicaStatus } from '../../../contracts/replica.ts';
import type { Logger } from '../../../runtime/logger.ts';
import { programVersion } from '../../../runtime/program.ts';
import { AtomicReference, type Lease } from './atomic-reference.ts';
import { Changes } from './changes.ts';
import { createFigures, type Figures } from './figures.ts';
import type { RecogniseRequest } from './request.ts';
import type { ResidentModel } from './resident-model.ts';
import { Residents } from './residents.ts';
import { Standing } from './standing.ts';
import { REHEARSALS_BEFORE_A_SWAP, REHEARSALS_FIRST, rehearseSwap, timedSwap, type SwapMoment } from './timed-swap.ts';

/** For those who look for replicas of two versions side by side. */
const VERSION = programVersion();

/** A release in service. All that a request needs is in here, so that one lease covers model, gallery and figures. */
export interface Served {
  readonly release: number;
  readonly resident: ResidentModel;
  readonly figures: Figures;
  /** Of a canary: the run that announced it. `release` is the one in service beside it then. */
  readonly canary?: string;
}

/** A canary: it answers the requests of which `isChosen` says so. */
export interface CanaryServed extends Served {
  readonly canary: string;
  readonly isChosen: (request: RecogniseRequest) => boolean;
}

/** A pair that is to be loaded, and the calls by which the replica hears of it afterwards. */
export interface LoadTask {
  readonly pair: ModelPair;
  /** It is in service, and nothing else can answer in its place. */
  readonly isUrgent: boolean;
  /** A process of its host was lost and is being replaced. */
  readonly onReplaced: (reason: PipelineError) => void;
  /** So many images are run once more, because their process was lost. */
  readonly onRetried: (images: number) => void;
  /** A change of the gallery is in force in it. */
  readonly onEnrolled: () => void;
}

/** A deployment record, a pair that is not signed, or an enrolment. */
export type Refused = 'record' | 'pair' | 'enrolment';

export interface ReplicaOptions {
  readonly model: string;
  readonly replicaId: string;
  readonly startedAt: Date;
  readonly load: (task: LoadTask) => Promise<ResidentModel>;
  readonly log: Logger;
}

/** A lease is given back some promises before its reply is handed to the connection, and never longer than this. */
const repliesSent = () => new Promise<void>((resolve) => setImmediate(resolve));

const NOTHING_SERVED = { requests: 0, failed: 0, latencyMs: null, scores: null };

export class Replica {
  readonly changes = new Changes();
  readonly residents: Residents;
  readonly standing = new Standing();

  readonly #options: ReplicaOptions;
  readonly #served = new AtomicReference<Served | null>(null);
  readonly #canary = new AtomicReference<CanaryServed | null>(null);
  readonly #hosts = { replaced: 0, imagesRetried: 0 };
  /** Of former values that requests still work with. */
  readonly #drains = new Set<Promise<void>>();
  #desired: Deployment | null = null;
  #failed: { readonly release: number; readonly failure: Failure } | null = null;
  #prepared: ReplicaStatus['prepared'] = null;
  #outOfService: string | null = null;
  /** By what is refused, as `<CODE>: <message>`. */
  readonly #alarms = new Map<Refused, string>();
  #swapUs: number | null = null;
  #former: ReplicaStatus['former'] = null;

  constructor(options: ReplicaOptions) {
    this.#options = options;
    rehearseSwap(REHEARSALS_FIRST);
    this.residents = new Residents({
      load: (pair, isUrgent) => options.load({ pair, isUrgent, ...this.#hears }),
      onChanged: () => this.changes.emit('status'),
      onFailed: (resident, error) => this.#residentFailed(resident, error),
    });
  }

  /** The deployment record; null before it was first read. */
  get desired(): Deployment | null {
    return this.#desired;
  }

  /** The newest record replaces any before it. */
  desire(deployment: Deployment): void {
    this.#desired = deployment;
    this.changes.emit('desired');
  }

  /** Why the release in service cannot be loaded here; null if it can, or was not loaded yet. */
  get failure(): Failure | null {
    return this.#failed && this.#failed.release === this.#desired?.current?.release ? this.#failed.failure : null;
  }

  /** Nothing but time or another record will mend it. */
  fail({ release }: Release, failure: Failure): void {
    this.#failed = { release, failure };
    this.changes.emit('failed');
  }

  /** Its word on the candidate that is announced. */
  get prepared(): ReplicaStatus['prepared'] {
    return this.#prepared;
  }

  setPrepared(prepared: ReplicaStatus['prepared']): void {
    this.#prepared = prepared;
    if (prepared !== null && prepared.refused === null) rehearseSwap(REHEARSALS_BEFORE_A_SWAP);
    this.changes.emit('status');
  }

  /** Why it takes no requests; null if it does, or has not begun to. */
  get outOfService(): string | null {
    return this.#outOfService;
  }

  setOutOfService(reason: string | null): void {
    this.#outOfService = reason;
    this.changes.emit('status');
  }

  /** Why it refuses something, as `<CODE>: <message>`; null: that is in order again. */
  setAlarm(refused: Refused, alarm: string | null): void {
    if ((this.#alarms.get(refused) ?? null) === alarm) return;
    if (alarm === null) this.#alarms.delete(refused);
    else this.#alarms.set(refused, alarm);
    this.changes.emit('status');
  }

  /** A heartbeat was stored that others see until then at least, performance.now(). */
  renew(aliveUntilMs: number, sentAtMs?: number): void {
    this.standing.renew(aliveUntilMs, sentAtMs);
    this.changes.emit('stored');
  }

  /** The record was read, beginning in that term of the standing. */
  inform(term: number): void {
    this.standing.inform(term);
    this.#confirm();
    this.changes.emit('informed');
  }

  get served(): Served | null {
    return this.#served.current;
  }

  /** It serves what the last record that was read here asks for. */
  get isUpToDate(): boolean {
    return (this.#desired?.current?.release ?? null) === (this.served?.release ?? null);
  }

  /** The release or canary that answers the request. */
  lease(request: RecogniseRequest): Lease<Served | null> {
    return this.#canary.current?.isChosen(request) ? this.#canary.acquire() : this.#served.acquire();
  }

  /** The release in service, whatever canary stands beside it. */
  leaseServed(): Lease<Served | null> {
    return this.#served.acquire();
  }

  get canary(): CanaryServed | null {
    return this.#canary.current;
  }

  /** Lets a candidate answer its share, or with null ends that. */
  setCanary(canary: CanaryServed | null): void {
    if (canary === this.canary) return;
    const { previous, drained } = this.#canary.swap(canary);
    if (previous) this.#keep(drained, previous);
    this.changes.emit('status');
  }

  /** Resolves when no request works with a release that was replaced before this call. */
  async drained(): Promise<void> {
    await Promise.all(this.#drains);
  }

  /** Requests before the assignment end on the release they began with. */
  switchTo({ release }: Release, resident: ResidentModel): SwapMoment {
    const former = this.served;
    // A new host for the same release, after the former was lost, goes on counting.
    const isSameRelease = former?.release === release;
    const next = { release, resident, figures: isSameRelease ? former.figures : createFigures() };
    const { previous, drained, ...moment } = timedSwap(this.#served, next);
    if (!isSameRelease) this.#swapUs = moment.swapUs;
    if (former && !isSameRelease) this.#former = { release: former.release, figures: former.figures.snapshot() };
    if (previous) this.#keep(drained, previous);
    this.#failed = null;
    this.#confirm();
    this.changes.emit('served');
    return moment;
  }

  status(): ReplicaStatus {
    const { model, replicaId, startedAt } = this.#options;
    return {
      replicaId,
      model,
      startedAt: startedAt.toISOString(),
      version: VERSION,
      release: this.served?.release ?? null,
      modelDigest: this.served?.resident.modelDigest ?? null,
      decision: this.served?.resident.people.decision ?? null,
      resident: this.residents.digests,
      prepared: this.#prepared,
      figures: this.served?.figures.snapshot() ?? NOTHING_SERVED,
      former: this.#former,
      canary: this.canary && { runId: this.canary.canary, figures: this.canary.figures.snapshot() },
      draining: this.#drains.size > 0,
      outOfService: this.#outOfService,
      alarm: this.#alarms.size > 0 ? [...this.#alarms.values()].join('; ') : null,
      ...(this.served ? { load: loadOf(this.served) } : {}),
      swapUs: this.#swapUs,
      hosts: { ...this.#hosts },
    };
  }

  /** No request may lease a model after this; those under way keep theirs. */
  async close(): Promise<void> {
    this.setCanary(null);
    const { previous, drained } = this.#served.swap(null);
    if (previous) this.residents.keepUntil(drained, previous.resident);
    await this.residents.close();
  }

  /** A replica that serves the release in the record may answer. */
  #confirm(): void {
    if (this.isUpToDate) this.standing.confirm();
  }

  /** A replaced release stays as long as requests work with it. */
  #keep(drained: Promise<void>, { resident }: Served): void {
    this.residents.keepUntil(drained, resident);
    const drain = drained.then(repliesSent).then(() => void this.#drains.delete(drain));
    this.#drains.add(drain);
  }

  readonly #hears: Omit<LoadTask, 'pair' | 'isUrgent'> = {
    onReplaced: (err) => {
      this.#hosts.replaced += 1;
      this.#options.log.error({ err }, 'replica: a model host lost its process; another takes its place');
    },
    onRetried: (images) => {
      this.#hosts.imagesRetried += images;
    },
    onEnrolled: () => this.changes.emit('enrolled'),
  };

  #residentFailed({ modelDigest }: ResidentModel, err: PipelineError): void {
    this.#options.log.error({ modelDigest, err }, 'replica: a model host is lost; loading the model anew');
    this.changes.emit('lost');
  }
}

const loadOf = ({ resident: { host } }: Served): ReplicaStatus['load'] => ({ waiting: host.inFlight, ...host.ran });
