/**
 * So many requests in a second of each caller, or of each address without a login: one that sends more is told when to come
 * again, and costs nobody else anything. Each has a bucket of tokens; those who were heard longest ago are forgotten first, so
 * that many addresses take no memory. Asked by server.ts.
 */
import { PipelineError } from '../../contracts/errors.ts';

/** A page that opens asks a dozen things at once; a door that was cut off has a queue. */
const BURST_S = 2;
/** Some 100 bytes each. */
const KEPT_MAX = 4_096;
/** All those whose address cannot be known any more. */
const GONE = 'gone';

interface Bucket {
  tokens: number;
  atMs: number;
}

export class Allowance {
  readonly #perSecond: number;
  readonly #nowMs: () => number;
  /** Those heard last stand last. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(perSecond: number, nowMs: () => number = () => performance.now()) {
    this.#perSecond = perSecond;
    this.#nowMs = nowMs;
  }

  get kept(): number {
    return this.#buckets.size;
  }

  /** Throws OVERLOADED, with the time after which the next one is let in. */
  take(caller: string): void {
    const nowMs = this.#nowMs();
    const full = this.#perSecond * BURST_S;
    const { tokens, atMs } = this.#buckets.get(caller) ?? { tokens: full, atMs: nowMs };
    const there = Math.min(full, tokens + ((nowMs - atMs) * this.#perSecond) / 1000);
    const isLetIn = there >= 1;
    this.#keep(caller, { tokens: isLetIn ? there - 1 : there, atMs: nowMs });
    if (isLetIn) return;
    const retryAfterMs = Math.ceil(((1 - there) * 1000) / this.#perSecond);
    const text = `${caller} sends more than ${this.#perSecond} requests in a second (gateway.requestsPerSecondMax)`;
    throw new PipelineError('OVERLOADED', text, { retryable: true, retryAfterMs });
  }

  #keep(caller: string, bucket: Bucket): void {
    this.#buckets.delete(caller);
    this.#buckets.set(caller, bucket);
    if (this.#buckets.size > KEPT_MAX) this.#buckets.delete(this.#buckets.keys().next().value!);
  }
}

/**
 * An address for its bucket: of IPv6 the network, because one machine has as many addresses in it as it likes. Undefined of a
 * client that has hung up already.
 */
export function networkOf(address: string | undefined): string {
  if (address === undefined) return GONE;
  const [, old] = /^::ffff:([\d.]+)$/i.exec(address) ?? [];
  if (old !== undefined || !address.includes(':')) return old ?? address;
  return `${address.split('::')[0]!.split(':').slice(0, 4).join(':')}::`;
}
