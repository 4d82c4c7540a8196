/** Notices to real receivers: a web server with the reference verifier, and a mail server. */
import { createServer } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NotifyConfigSchema, variablesOfNotify } from '../../../contracts/configuration/notify.ts';
import type { Notice } from '../../../contracts/notification.ts';
import { sendToAll } from '../../../services/notify/send.ts';
import { WEBHOOK_SECRET, withMailServer, withReceiver } from '../../support/receivers.ts';

process.env['NOTIFY_TEST_SECRET'] = WEBHOOK_SECRET;
process.env['NOTIFY_TEST_SHORT'] = 'whsec_c2hvcnQ=';

const notice: Notice = {
  ...{ kind: 'failed', title: 'face: the night failed', model: 'face', runId: 'n1', stage: 'train' },
  ...{ cause: 'failed: the trainer failed', failure: { code: 'TRAINING_FAILED', message: 'no room — für Bücher' } },
  lastLines: ['2026-01-01T01:59:59.000Z warn train: failed: no room'],
  ...{ at: '2026-01-01T02:00:00.000Z', link: 'https://nightshift.example.org/#/runs/n1' },
};
const webhook = (url: unknown, more: object = {}) => ({ url, secret: { env: 'NOTIFY_TEST_SECRET' }, ...more });
const hooks = (webhooks: object) => NotifyConfigSchema.parse({ webhooks });
const send = (config: object, more: object = {}) =>
  sendToAll(NotifyConfigSchema.parse(config), { id: 'ns_1', notice, now: new Date(), ...more });
const mailTo = (port: number, login = '') => {
  process.env['NOTIFY_TEST_SMTP'] = `smtp://${login}127.0.0.1:${port}`;
  return { mail: { crew: { smtp: { env: 'NOTIFY_TEST_SMTP' }, from: 'n@example.org', to: ['a@example.org'] } } };
};

test('notify: a webhook is signed as the reference implementation verifies it', () =>
  withReceiver(async ({ url, taken }) => {
    const [sent] = await send({ webhooks: { ops: webhook(url) } });
    assert.equal(sent, { target: 'ops', answer: 'HTTP 204', failure: null });
    assert.equal(taken, [{ id: 'ns_1', notice }]);
  }));

test('notify: only targets that want the kind, and have not taken it yet, get it; a test goes to all', () =>
  withReceiver(async ({ url, taken }) => {
    const webhooks = { held: webhook(url, { kinds: ['held'] }), all: webhook(url) };
    assert.equal(
      (await send({ webhooks })).map(({ target }) => target),
      ['all'],
    );
    assert.equal(await send({ webhooks }, { done: ['all'] }), []);
    await send({ webhooks }, { notice: { ...notice, kind: 'test' } });
    assert.is(taken.length, 3);
  }));

test('notify: a redirect is not followed, and says how to go on; another refusal is told by its status', () =>
  withReceiver(async ({ url, answerWith, asked }) => {
    answerWith(302, { location: url });
    const [redirected] = await send({ webhooks: { ops: webhook(url) } });
    assert.match(redirected!.failure!.message, /HTTP 302; redirects are not followed/);
    assert.is(asked.length, 1);
    answerWith(503);
    const [refused] = await send({ webhooks: { ops: webhook(url) } });
    assert.match(refused!.failure!.message, /answered HTTP 503/);
    assert.ok(refused!.failure!.retryable);
  }));

test('notify: no message has the address behind the origin, or a secret, in it', () =>
  withReceiver(async ({ url, answerWith }) => {
    answerWith(500);
    process.env['NOTIFY_TEST_URL'] = `${url}/T0KEN`;
    const [sent] = await send({ webhooks: { ops: webhook({ env: 'NOTIFY_TEST_URL' }) } });
    assert.match(sent!.failure!.message, /notify\.webhooks\.ops at http:\/\/127/);
    assert.not.match(sent!.failure!.message, /T0KEN|\/hook|whsec/);
    const short = { url, secret: { env: 'NOTIFY_TEST_SHORT' } };
    const [unsigned] = await send({ webhooks: { ops: short } });
    assert.match(unsigned!.failure!.message, /secret is not whsec_ and 24 to 64 bytes/);
    assert.not.match(unsigned!.failure!.message, /c2hvcnQ/);
  }));

test('notify: an address is HTTPS, or HTTP on this machine; also one that a secret holds', async () => {
  assert.throws(() => hooks({ ops: webhook('http://example.org/x') }), /HTTP to another machine/);
  assert.throws(() => hooks({ ops: webhook('file:///etc/passwd') }));
  assert.throws(() => hooks({ ops: webhook('https://user:word@example.org/') }), /a login in an address/);
  hooks({ ops: webhook('http://example.org/x', { insecure: true }), two: webhook('https://example.org/') });
  process.env['NOTIFY_TEST_URL'] = 'http://example.org/secret';
  const [sent] = await send({ webhooks: { ops: webhook({ env: 'NOTIFY_TEST_URL' }) } });
  assert.match(sent!.failure!.message, /HTTP to another machine/);
});

test('notify: an e-mail says it all in plain text, with the login of its address', () =>
  withMailServer(async ({ port, mails, logins }) => {
    const [sent] = await send(mailTo(port, 'night:pass%40word@'));
    assert.equal(sent, { target: 'crew', answer: 'SMTP 250, 1 of 1 receivers', failure: null });
    assert.equal(logins, ['night:pass@word']);
    const mail = mails[0]!;
    for (const part of [/^Subject: face: the night failed/m, /^Message-ID: <ns_1@/m, /TRAINING_FAILED/, /#\/runs\/n1/])
      assert.match(mail, part);
    const body = mail.replaceAll('=\r\n', '').replaceAll('\r\n', '\n'); // The ends of its encoded lines.
    assert.match(body, /^Last lines of the log:\n {2}2026-01-01T01:59:59\.000Z warn train: failed: no room$/m);
  }));

test('notify: a mail server that refuses is told by its number, and not by its text', () =>
  withMailServer(
    async ({ port }) => {
      const [sent] = await send(mailTo(port, 'night:s3cret@'));
      assert.match(sent!.failure!.message, /notify\.mail\.crew by 127\.0\.0\.1:\d+: answered 535 \(EAUTH\)/);
      assert.not.match(sent!.failure!.message, /s3cret/);
    },
    { onAuth: ({ password }, _session, callback) => callback(new Error(`no such password ${password}`)) },
  ));

test('notify: an address that is none of a mail server is refused', async () => {
  const smtp = { env: 'NOTIFY_TEST_SMTP' };
  process.env['NOTIFY_TEST_SMTP'] = 'ftp://127.0.0.1';
  const [sent] = await send({ mail: { crew: { smtp, from: 'n@example.org', to: ['a@example.org'] } } });
  assert.match(sent!.failure!.message, /no address such as smtps:/);
});

test('notify: a receiver that never answers costs ten seconds, side by side with the others', async () => {
  const silent = createServer(() => {}).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  try {
    const beganMs = performance.now();
    const sent = await send({ ...mailTo(port), webhooks: { ops: webhook(`http://127.0.0.1:${port}/`) } });
    const tookMs = performance.now() - beganMs;
    assert.ok(tookMs > 9_000 && tookMs < 15_000, `${tookMs} ms`);
    assert.equal(
      sent.map(({ failure }) => failure?.code),
      ['NOTIFICATION_FAILED', 'NOTIFICATION_FAILED'],
    );
  } finally {
    silent.close();
  }
});

test('notify: names are given once, and the environment variables with secrets are known', () => {
  const { mail } = mailTo(1);
  assert.throws(
    () => NotifyConfigSchema.parse({ webhooks: { crew: webhook('https://a.example/') }, mail }),
    /crew too/,
  );
  const config = NotifyConfigSchema.parse({ webhooks: { ops: webhook({ env: 'URL_OF_OPS' }) }, mail });
  assert.equal(variablesOfNotify(config), ['URL_OF_OPS', 'NOTIFY_TEST_SECRET', 'NOTIFY_TEST_SMTP']);
});

test.run();
