/**
 * Answers of the orchestrator for all who ask the gateway: the same question at the same time is asked once, its answer
 * holds for a moment, and few are under way at once. So a flood of HTTP is a trickle for the orchestrator.
 */
import type { NatsConnection } from '@nats-io/nats-core';
import type { Answer, ApiSubject, Question } from '../../contracts/api.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { ask } from '../../infra/messaging/ask-api.ts';

/** A page that looks every second sees each change in the next look. */
const FRESH_MS = 500;
const KEPT_MAX = 32;
/** Beyond the orchestrator's own: listing a thousand runs takes it some milliseconds. */
const ASKED_AT_ONCE_MAX = 8;

interface Kept {
  readonly answer: Promise<unknown>;
  readonly freshUntilMs: number;
}

export class Answers {
  readonly #nc: NatsConnection;
  readonly #kept = new Map<string, Kept>();
  #underWay = 0;

  constructor(nc: NatsConnection) {
    this.#nc = nc;
  }

  /** Throws as infra/messaging/ask-api.ts does, and OVERLOADED. */
  of<S extends ApiSubject>(subject: S, question: Question<S>): Promise<Answer<S>> {
    const key = `${subject} ${JSON.stringify(question)}`;
    const known = this.#kept.get(key);
    // Under this key lies an answer to this subject alone.
    if (known && known.freshUntilMs > performance.now()) return known.answer as Promise<Answer<S>>;
    if (this.#underWay >= ASKED_AT_ONCE_MAX) {
      const text = 'the gateway asks the orchestrator as much as it may; try again in a moment';
      throw new PipelineError('OVERLOADED', text, { retryable: true, retryAfterMs: 1_000 });
    }
    this.#underWay += 1;
    const answer = ask(this.#nc, subject, question).finally(() => (this.#underWay -= 1));
    this.#keep(key, answer);
    return answer;
  }

  /** Until it comes, and a moment longer. A question that failed is asked again. */
  #keep(key: string, answer: Promise<unknown>): void {
    this.#kept.delete(key);
    this.#kept.set(key, { answer, freshUntilMs: Infinity });
    if (this.#kept.size > KEPT_MAX) this.#kept.delete(this.#kept.keys().next().value!);
    const replace = (kept: Kept | null) => {
      if (this.#kept.get(key)?.answer !== answer) return;
      if (kept) this.#kept.set(key, kept);
      else this.#kept.delete(key);
    };
    answer.then(
      () => replace({ answer, freshUntilMs: performance.now() + FRESH_MS }),
      () => replace(null),
    );
  }
}
