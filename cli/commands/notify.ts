/**
 * `nightshift notify test`: a message of the kind `test` to each target of the configuration of this machine, once. It
 * needs no running system. Exit code 0: all took it, 1: one did not, or there is none.
 */
import { randomUUID } from 'node:crypto';
import { PipelineError } from '../../contracts/errors.ts';
import type { Notice } from '../../contracts/notification.ts';
import { hasTargets, sendToAll, type Sent } from '../../services/notify/send.ts';
import type { GlobalOptions } from '../global-options.ts';
import { configOf } from '../with-client.ts';

export async function notifyTestCommand({ json = false }: { json?: boolean }, global: GlobalOptions): Promise<void> {
  const { notify } = configOf(global);
  if (!hasTargets(notify))
    throw new PipelineError('CONFIG_INVALID', 'there is nobody to notify: write notify.webhooks or notify.mail');
  const now = new Date();
  const notice = { ...TEST, at: now.toISOString(), link: notify.consoleUrl ?? null };
  const sent = await sendToAll(notify, { id: `ns_test_${randomUUID()}`, notice, now });
  const isTaken = sent.every(({ failure }) => failure === null);
  process.stdout.write(json ? `${JSON.stringify({ ok: isTaken, targets: sent })}\n` : sent.map(lineOf).join(''));
  if (!isTaken) process.exitCode = 1;
}

const TEST: Omit<Notice, 'at' | 'link'> = {
  ...{ kind: 'test', title: 'Nightshift: a test message', model: null, runId: null, stage: null },
  cause: 'somebody ran `nightshift notify test`; nothing has happened',
  failure: null,
  lastLines: [],
};

const lineOf = ({ target, answer, failure }: Sent) =>
  `${target}: ${failure ? `not taken: ${failure.message}` : `taken (${answer})`}\n`;
