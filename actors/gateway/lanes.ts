/**
 * Room for requests at the gateway: so many at once, and so many bytes of bodies, shared among the callers as the places of a
 * replica are (services/serving/replica/room.ts). A request that does not fit is refused before its body is read, so that a
 * flood takes no memory, and one caller's flood leaves room for others. Asked by server.ts.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { PipelineError } from '../../contracts/errors.ts';
import type { GatewayConfig } from '../../infra/config/gateway.ts';
import { placesFor, Room } from '../../services/serving/replica/room.ts';

const MIB = 1024 * 1024;
const AGAIN_MS = 1_000;
/** Of bodies, as the places: a caller may hold at most so often what is still free. */
const SHARE_OF_FREE = 4;

export class Lanes {
  readonly #requestsMax: number;
  readonly #room: Room;
  readonly #bytesMax: number;
  readonly #bytesOf = new Map<string, number>();
  #bytes = 0;

  constructor({ requestsMax, bodiesMaxMiB }: Pick<GatewayConfig, 'requestsMax' | 'bodiesMaxMiB'>) {
    this.#requestsMax = requestsMax;
    this.#room = new Room(placesFor(requestsMax));
    this.#bytesMax = bodiesMaxMiB * MIB;
  }

  /** Throws OVERLOADED, MESSAGE_TOO_LARGE. Call the answer once the request is over. */
  enter(caller: string, headers: IncomingHttpHeaders, bodyLimit: number): () => void {
    const bytes = bytesOf(headers, bodyLimit);
    if (bytes > bodyLimit) throw new PipelineError('MESSAGE_TOO_LARGE', `the body may have ${bodyLimit} bytes`);
    if (!this.#hasRoom(caller, bytes)) throw full('the bodies of requests under way take all the room there is');
    const held = this.#room.heldBy(caller);
    if (held >= this.#requestsMax || !this.#room.enter(caller)) {
      throw full(`${held} requests of ${caller} are under way, and there is no more room for it`);
    }
    this.#add(caller, bytes);
    return () => {
      this.#room.leave(caller);
      this.#add(caller, -bytes);
    };
  }

  /** The first body of a caller needs no more than to fit. */
  #hasRoom(caller: string, bytes: number): boolean {
    const free = this.#bytesMax - this.#bytes - bytes;
    const held = this.#bytesOf.get(caller) ?? 0;
    return bytes === 0 || (free >= 0 && (held === 0 || held + bytes <= SHARE_OF_FREE * free));
  }

  #add(caller: string, bytes: number): void {
    this.#bytes += bytes;
    const held = (this.#bytesOf.get(caller) ?? 0) + bytes;
    if (held === 0) this.#bytesOf.delete(caller);
    else this.#bytesOf.set(caller, held);
  }
}

/** As announced. A body of unknown length may become as long as is allowed. */
function bytesOf(headers: IncomingHttpHeaders, bodyLimit: number): number {
  if (headers['transfer-encoding'] !== undefined) return bodyLimit;
  return Number(headers['content-length'] ?? 0);
}

const full = (why: string) =>
  new PipelineError('OVERLOADED', `the gateway is full: ${why}`, { retryable: true, retryAfterMs: AGAIN_MS });
