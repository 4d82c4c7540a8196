/**
 * The spans of a replica: of the requests that are traced, and of what it does for a run, up to the first request that a new
 * release answers. Only there if somebody wants traces; data-plane.ts and reports.ts call it.
 */
import type { MsgHdrs } from '@nats-io/nats-core';
import type { ErrorCode } from '../../contracts/errors.ts';
import { INFER_HEADERS } from '../../contracts/inference.ts';
import type { AnyInferVerb } from '../../contracts/parse-subject.ts';
import type { Deployment, Release } from '../../contracts/release.ts';
import { ATTRIBUTE, sinceEpoch, type Attributes, type Span, type Tracer } from '../../infra/telemetry/tracer.ts';
import {
  deploySpanId,
  inRun,
  logFieldsOf,
  randomSpanId,
  randomTraceId,
  readTraceparent,
  runSpanId,
  spanIdOf,
  type SpanContext,
} from '../../runtime/trace-context.ts';
import type { SwapMoment } from '../../services/serving/replica/timed-swap.ts';
import type { EmbedTimes } from '../../services/serving/strategy.ts';

export interface ServingTracesOptions {
  readonly tracer: Tracer;
  readonly replica: { readonly desired: Deployment | null };
  readonly model: string;
  readonly replicaId: string;
  readonly startedAt: Date;
}

/** Of one request, called once with its end. */
export interface RequestTrace {
  readonly onTimes: ((times: EmbedTimes) => void) | undefined;
  /** For lines of the log; undefined if it is not traced. */
  readonly logFields: object | undefined;
  answered(reply: object): void;
  failed(code: ErrorCode, isOurs: boolean): void;
}

export interface ServingTraces {
  begin(verb: AnyInferVerb, headers: MsgHdrs | undefined): RequestTrace;
  /** These answer the id of their span, for the event that tells of it; undefined if there is none. */
  prepared(runId: string, prepareMs: number): string;
  switched(runId: string, release: Release, swap: SwapMoment): string | undefined;
}

export function createServingTraces(options: ServingTracesOptions): ServingTraces {
  const { tracer, model, replicaId } = options;
  const firsts = new FirstRequests(options);
  const own = { [ATTRIBUTE.model]: model, [ATTRIBUTE.replica]: replicaId };
  const untraced: Omit<RequestTrace, 'answered'> = { onTimes: undefined, logFields: undefined, failed: () => {} };
  return {
    begin: (verb, headers) => {
      const parent = readTraceparent(headers?.get(INFER_HEADERS.traceparent));
      const isTraced = parent ? parent.isSampled : Math.random() < tracer.requestShare;
      const startedAtMs = performance.now();
      if (!isTraced) {
        return { ...untraced, answered: (reply) => firsts.note(reply, verb, startedAtMs, null) };
      }
      const request = new TracedRequest(tracer, { verb, startedAtMs, own, parent });
      return {
        onTimes: (times) => (request.times = times),
        logFields: logFieldsOf(request.context),
        answered: (reply) => {
          request.end({ [ATTRIBUTE.release]: releaseIn(reply) }, null);
          firsts.note(reply, verb, startedAtMs, request.context);
        },
        // A mistake of the client's is no failure of ours, by the conventions.
        failed: (code, isOurs) => request.end({ 'nightshift.refused': isOurs ? null : code }, isOurs ? code : null),
      };
    },
    prepared: (runId, prepareMs) => {
      const spanId = spanIdOf(`prepare:${runId}:${replicaId}`);
      const endMs = Date.now();
      tracer.emit({
        ...{ name: 'prepare', kind: 'internal', context: inRun(runId, spanId), parentId: deploySpanId(runId) },
        ...{ startMs: endMs - prepareMs, endMs, attributes: { ...own, [ATTRIBUTE.runId]: runId } },
      });
      return spanId;
    },
    switched: (runId, release, swap) => {
      if (!firsts.isNew(release)) return undefined;
      const spanId = switchSpanId(runId, replicaId, release.release);
      const attributes = { ...own, [ATTRIBUTE.runId]: runId, [ATTRIBUTE.release]: release.release };
      tracer.emit({
        ...{ name: 'switch', kind: 'internal', context: inRun(runId, spanId) },
        // A pair that served before comes back by a rollback, which need not go through a deployment.
        parentId: release.origin ? runSpanId(runId) : deploySpanId(runId),
        // Until no request works with an earlier release any more.
        ...{ startMs: swap.switchedAtMs, endMs: Date.now() },
        attributes: { ...attributes, 'nightshift.swap_us': swap.swapUs },
      });
      return spanId;
    },
  };
}

const switchSpanId = (runId: string, replicaId: string, release: number) =>
  spanIdOf(`switch:${runId}:${replicaId}:${release}`);

/** Null of a reply that is of no release. */
const releaseIn = (reply: object): number | null =>
  'release' in reply && typeof reply.release === 'number' ? reply.release : null;

/** Notices the first request that each release answers here, and puts it into the trace of the run that brought it. */
class FirstRequests {
  readonly #options: ServingTracesOptions;
  #release: number | null = null;

  constructor(options: ServingTracesOptions) {
    this.#options = options;
  }

  /** A release that was in service before this replica began is news to nobody. */
  isNew({ committedAt }: Release): boolean {
    return Date.parse(committedAt) >= this.#options.startedAt.getTime();
  }

  note(reply: object, verb: AnyInferVerb, startedAtMs: number, request: SpanContext | null): void {
    const number = releaseIn(reply);
    if (number === null || number === this.#release) return;
    // An answer of the release before may still be on its way.
    if (this.#release !== null && number < this.#release) return;
    this.#release = number;
    const { current, ledger = [] } = this.#options.replica.desired ?? {};
    if (current?.release !== number || !this.isNew(current)) return;
    const { runId } = ledger.find(({ release }) => release === number) ?? current;
    const { tracer, model, replicaId } = this.#options;
    tracer.emit({
      ...{ name: 'first request', kind: 'internal', parentId: switchSpanId(runId, replicaId, number) },
      context: inRun(runId, spanIdOf(`first-request:${runId}:${replicaId}:${number}`)),
      ...{ startMs: sinceEpoch(startedAtMs), endMs: sinceEpoch(performance.now()) },
      attributes: {
        ...{ [ATTRIBUTE.runId]: runId, [ATTRIBUTE.model]: model, [ATTRIBUTE.replica]: replicaId },
        ...{ [ATTRIBUTE.release]: number, [ATTRIBUTE.verb]: verb },
      },
      links: request ? [request] : [],
    });
  }
}

interface Begun {
  readonly verb: AnyInferVerb;
  readonly startedAtMs: number;
  readonly own: Attributes;
  readonly parent: SpanContext | null;
}

/** A request with the parts of its way: decoded, queued, in its batch, run. */
class TracedRequest {
  readonly context: SpanContext;
  /** Null until the model has answered. */
  times: EmbedTimes | null = null;
  readonly #tracer: Tracer;
  readonly #begun: Begun;

  constructor(tracer: Tracer, begun: Begun) {
    this.#tracer = tracer;
    this.#begun = begun;
    const traceId = begun.parent?.traceId ?? randomTraceId();
    this.context = { traceId, spanId: randomSpanId(), isSampled: true };
  }

  end(more: Attributes, error: string | null): void {
    const { verb, startedAtMs, own, parent } = this.#begun;
    const attributes = { ...own, ...more, [ATTRIBUTE.verb]: verb, 'messaging.system': 'nats' };
    const span = { name: `request ${verb}`, kind: 'server' as const, context: this.context, parentId: parent?.spanId };
    this.#emit(span, startedAtMs, performance.now(), { attributes, error });
    if (this.times) this.#emitWay(startedAtMs, this.times);
  }

  #emitWay(startedAtMs: number, { arrivedAtMs, takenAtMs, runAtMs, ranAtMs, images }: EmbedTimes): void {
    const batch = this.#child(this.context);
    const attributes = { [ATTRIBUTE.images]: images };
    this.#emit({ name: 'decode', ...this.#inside(this.context) }, startedAtMs, arrivedAtMs);
    this.#emit({ name: 'queue', ...this.#inside(this.context) }, arrivedAtMs, takenAtMs);
    this.#emit({ name: 'batch', ...this.#inside(this.context), context: batch }, takenAtMs, ranAtMs, { attributes });
    this.#emit({ name: 'run', ...this.#inside(batch) }, runAtMs, ranAtMs, { attributes });
  }

  #child({ traceId }: SpanContext): SpanContext {
    return { traceId, spanId: randomSpanId(), isSampled: true };
  }

  #inside(parent: SpanContext) {
    return { kind: 'internal' as const, context: this.#child(parent), parentId: parent.spanId };
  }

  #emit(
    span: Pick<Span, 'name' | 'kind' | 'context' | 'parentId'>,
    startMs: number,
    endMs: number,
    more: Partial<Pick<Span, 'attributes' | 'error'>> = {},
  ): void {
    const times = { startMs: sinceEpoch(startMs), endMs: sinceEpoch(endMs) };
    this.#tracer.emit({ attributes: {}, ...span, ...times, ...more });
  }
}
