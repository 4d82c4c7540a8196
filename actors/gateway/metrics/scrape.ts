/**
 * One scrape: looks at the orchestrator's answers, the server's streams and consumers, the processes of this machine and
 * the certificates, and answers the text. Scrapes that come together share one look. It never fails: a source that
 * does not answer is missing from the text, and `nightshift_up` tells of the orchestrator.
 */
import type { NatsConnection } from '@nats-io/nats-core';
import { API, STREAMS } from '../../../contracts/subjects.ts';
import { toFailure } from '../../../contracts/errors.ts';
import type { GatewayConfig } from '../../../infra/config/gateway.ts';
import type { NatsConfig } from '../../../infra/config/nats.ts';
import { systemOf } from '../../../infra/config/system.ts';
import { certificateEnds } from '../../../infra/health/certificates.ts';
import { consumerFigures, storeFigures } from '../../../infra/health/figures.ts';
import { notesOf } from '../../../runtime/readiness.ts';
import type { Logger } from '../../../runtime/logger.ts';
import type { Answers } from '../answers.ts';
import type { MetricName } from './definitions.ts';
import { StatusMetrics } from './from-status.ts';
import type { Metrics } from './registry.ts';

/** A scrape that comes sooner gets the look before. */
const FRESH_MS = 1_000;
/** Counts of a replica that ends are lost since the last look, so the gateway looks by itself, too. */
const LOOK_EVERY_MS = 5_000;

const RUNS_EVERY_MS = 30_000;

const OF_STORES: readonly MetricName[] = ['nightshift_store_bytes', 'nightshift_store_messages'];
const OF_CONSUMERS: readonly MetricName[] = [
  'nightshift_redeliveries',
  'nightshift_consumer_pending',
  'nightshift_consumer_ack_pending',
];
const OF_PROCESSES: readonly MetricName[] = [
  'nightshift_process_resident_memory_bytes',
  'nightshift_process_event_loop_delay_seconds',
  'nightshift_process_ready',
];

export interface ScrapeOptions {
  readonly nc: NatsConnection;
  readonly answers: Answers;
  readonly metrics: Metrics;
  readonly nats: NatsConfig;
  readonly config: GatewayConfig;
  readonly log: Logger;
}

export class Scrape {
  readonly #options: ScrapeOptions;
  readonly #status: StatusMetrics;
  #look: Promise<void> | null = null;
  #lookedAtMs = -Infinity;
  #runsAtMs = -Infinity;
  readonly #timer: NodeJS.Timeout;

  constructor(options: ScrapeOptions) {
    this.#options = options;
    this.#status = new StatusMetrics(options.metrics);
    // It logs what fails.
    this.#timer = setInterval(() => void this.#lookOnce(() => this.#service()), LOOK_EVERY_MS);
    this.#timer.unref();
  }

  async text(): Promise<string> {
    if (performance.now() - this.#lookedAtMs > FRESH_MS) {
      await this.#lookOnce(() => Promise.all([this.#service(), this.#stores(), this.#consumers()]));
      this.#lookedAtMs = performance.now();
    }
    this.#processes();
    this.#certificates();
    return this.#options.metrics.text();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #lookOnce(look: () => Promise<unknown>): Promise<void> {
    // A look that is under way may be a smaller one.
    await this.#look;
    this.#look ??= look()
      .catch((error: unknown) => this.#options.log.warn(toFailure(error), 'gateway: a look for the metrics failed'))
      .then(() => void (this.#look = null));
    await this.#look;
  }

  async #service(): Promise<void> {
    const { answers, metrics } = this.#options;
    try {
      const [{ models }, { schedules }] = await Promise.all([
        answers.of(API.status, {}),
        answers.of(API.schedules, {}),
      ]);
      this.#status.take(models, Date.now());
      this.#status.takeSchedules(schedules);
      await this.#runs();
      metrics.set('nightshift_up', {}, 1);
    } catch (error) {
      metrics.set('nightshift_up', {}, 0);
      this.#options.log.debug(toFailure(error), 'gateway: no orchestrator answers');
    }
  }

  /** Less often: an orchestrator reads every run for its answer. */
  async #runs(): Promise<void> {
    if (performance.now() - this.#runsAtMs < RUNS_EVERY_MS) return;
    const { runs } = await this.#options.answers.of(API.runs, {});
    this.#runsAtMs = performance.now();
    this.#status.takeRuns(runs);
  }

  async #stores(): Promise<void> {
    const { nc, metrics } = this.#options;
    const stores = await storeFigures(nc);
    for (const name of OF_STORES) metrics.clear(name);
    for (const { kind, name, bytes, messages } of stores) {
      metrics.set('nightshift_store_bytes', { kind, name }, bytes);
      metrics.set('nightshift_store_messages', { kind, name }, messages);
      if (name === STREAMS.dlq) metrics.set('nightshift_dead_letters', {}, messages);
      if (name === STREAMS.refused) metrics.set('nightshift_refusals_kept', {}, messages);
    }
  }

  async #consumers(): Promise<void> {
    const { nc, metrics } = this.#options;
    const consumers = await consumerFigures(nc);
    for (const name of OF_CONSUMERS) metrics.clear(name);
    for (const { consumer, pending, ackPending, redelivered } of consumers) {
      metrics.set('nightshift_redeliveries', { consumer }, redelivered);
      metrics.set('nightshift_consumer_pending', { consumer }, pending);
      metrics.set('nightshift_consumer_ack_pending', { consumer }, ackPending);
    }
  }

  #processes(): void {
    const { metrics, nats } = this.#options;
    for (const name of OF_PROCESSES) metrics.clear(name);
    for (const { name: actor, memoryBytes, loopDelayMs, lacking } of notesOf(systemOf({ nats }))) {
      metrics.set('nightshift_process_resident_memory_bytes', { actor }, memoryBytes);
      metrics.set('nightshift_process_event_loop_delay_seconds', { actor }, loopDelayMs / 1000);
      metrics.set('nightshift_process_ready', { actor }, lacking.length === 0 ? 1 : 0);
    }
  }

  #certificates(): void {
    const { metrics, nats, config } = this.#options;
    metrics.clear('nightshift_certificate_expiry_timestamp_seconds');
    for (const { file, endsAtMs } of certificateEnds([nats.tls?.ca, nats.tls?.cert, config.tls?.cert]))
      metrics.set('nightshift_certificate_expiry_timestamp_seconds', { file }, endsAtMs / 1000);
  }
}
