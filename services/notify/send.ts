/**
 * Offers a notice to all targets that want its kind, side by side, and says of each what came of it. A target that is slow
 * or dead costs its own time limit and nobody else's. Called by the orchestrator and by `nightshift notify test`.
 */
import { toFailure, type Failure } from '../../contracts/errors.ts';
import type { NotifyConfig } from '../../contracts/configuration/notify.ts';
import type { Notice } from '../../contracts/notification.ts';
import { sendMail } from './mail.ts';
import { sendWebhook } from './webhook.ts';

export const SEND_TIMEOUT_MS = 10_000;

export interface Sent {
  readonly target: string;
  /** What came back; null if it was not taken. */
  readonly answer: string | null;
  readonly failure: Failure | null;
}

type Send = (id: string, notice: Notice, now: Date) => Promise<string>;
interface Target {
  readonly name: string;
  readonly kinds: readonly string[];
  readonly send: Send;
}

/** `done`: targets that have it already. */
export async function sendToAll(
  config: NotifyConfig,
  { id, notice, now, done = [] }: { id: string; notice: Notice; now: Date; done?: readonly string[] },
): Promise<readonly Sent[]> {
  const wanted = targetsOf(config).filter(({ name, kinds }) => isWanted(kinds, notice) && !done.includes(name));
  return Promise.all(wanted.map((target) => one(target, id, notice, now)));
}

/** A test goes to everybody. */
const isWanted = (kinds: readonly string[], { kind }: Notice) => kind === 'test' || kinds.includes(kind);

export const hasTargets = ({ webhooks, mail }: NotifyConfig) =>
  Object.keys(webhooks).length + Object.keys(mail).length > 0;

async function one({ name, send }: Target, id: string, notice: Notice, now: Date): Promise<Sent> {
  try {
    return { target: name, answer: await send(id, notice, now), failure: null };
  } catch (error) {
    return { target: name, answer: null, failure: toFailure(error) };
  }
}

const targetsOf = ({ webhooks, mail }: NotifyConfig): readonly Target[] => [
  ...Object.entries(webhooks).map(([name, target]) => ({
    ...{ name, kinds: target.kinds },
    send: (id: string, notice: Notice, now: Date) => sendWebhook(name, target, letter(id, notice), now),
  })),
  ...Object.entries(mail).map(([name, target]) => ({
    ...{ name, kinds: target.kinds },
    send: (id: string, notice: Notice) => sendMail(name, target, letter(id, notice), SEND_TIMEOUT_MS),
  })),
];

const letter = (id: string, notice: Notice) => ({ id, notice, signal: AbortSignal.timeout(SEND_TIMEOUT_MS) });
