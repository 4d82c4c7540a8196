/** CloudEvents in headers: as the binding encodes them, as the official SDK reads and writes them, and what is refused. */
import { CloudEvent, HTTP } from 'cloudevents';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { attributesIn, headersOfEvent } from '../../contracts/cloud-event.ts';
import { makeEnvelope, openEnvelope } from '../../contracts/envelope.ts';
import { CTL, modelDeployedSubject } from '../../contracts/subjects.ts';
import { failureOf } from '../support/failures.ts';

const TRACE = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
const TIME = new Date('2026-11-26T02:00:00.000Z');

const opened = (headers: Readonly<Record<string, unknown>>, body: unknown, subject: string = CTL.pipelineStart) =>
  openEnvelope({
    ...{ subject, fallbackId: 'CTL-1', time: TIME },
    body: new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body)),
    header: (name) => {
      const found = Object.entries(headers).find(([it]) => it.toLowerCase() === name.toLowerCase());
      return found && String(found[1]);
    },
  });

test('cloud event: the official SDK reads an envelope beside its headers, attribute by attribute', () => {
  const subject = modelDeployedSubject('face');
  const input = { id: 'n1.deployed é', source: 'orchestrator', subject, time: TIME, traceparent: TRACE };
  const envelope = makeEnvelope({ ...input, data: { release: 3 } });
  const headers = headersOfEvent(envelope);
  const read = HTTP.toEvent({ headers, body: JSON.stringify(envelope) });
  assert.ok(read instanceof CloudEvent && read.validate());
  assert.equal(JSON.parse(JSON.stringify(read)), envelope);
  assert.equal(headers, {
    'content-type': 'application/cloudevents+json; charset=utf-8',
    'ce-id': 'n1.deployed%20%C3%A9',
    'ce-source': 'nightshift/orchestrator',
    'ce-type': 'nightshift.evt.model.deployed',
    'ce-subject': subject,
    'ce-time': '2026-11-26T02:00:00.000Z',
    'ce-traceparent': TRACE,
    traceparent: TRACE,
  });
});

test('cloud event: an attribute that is not there has no header', () => {
  const headers = headersOfEvent({ id: '1', source: 's', type: 't' });
  assert.equal(Object.keys(headers), ['content-type', 'ce-id', 'ce-source', 'ce-type']);
});

test('cloud event: a value is encoded as the binding says, and comes back', () => {
  for (const [value, encoded] of [
    ['Euro € 😀', 'Euro%20%E2%82%AC%20%F0%9F%98%80'],
    ['100% "sure"\r\nX: y', '100%25%20%22sure%22%0D%0AX:%20y'],
    ['!#$&~', '!#$&~'],
  ] as const) {
    const headers: Record<string, string> = {
      ...headersOfEvent({ id: value }),
      'ce-specversion': '1.0',
      'content-type': '',
    };
    assert.is(headers['ce-id'], encoded);
    assert.is(attributesIn((name) => headers[name])?.['id'], value);
  }
});

test('cloud event: a message that the official SDK writes in binary mode is opened', () => {
  const event = new CloudEvent({ id: 'c-1', source: '/desk', type: 'org.example.start', data: { model: 'face' } });
  const { headers, body } = HTTP.binary(event);
  const { id, source, type, data, datacontenttype } = opened(headers, body);
  assert.equal([id, source, type, data], ['c-1', '/desk', 'org.example.start', { model: 'face' }]);
  assert.is(datacontenttype, 'application/json');
});

test('cloud event: one that the official SDK writes in structured mode is opened, whatever else stands in headers', () => {
  const event = new CloudEvent({ id: 'c-2', source: '/desk', type: 'org.example.start', data: { model: 'face' } });
  const { headers, body } = HTTP.structured(event);
  const envelope = opened({ ...headers, 'ce-specversion': '1.0', 'ce-id': 'another' }, body);
  assert.equal([envelope.id, envelope.data], ['c-2', { model: 'face' }]);
});

test('cloud event: a bare object stays one, also with headers of its own', () => {
  const { id, source, data } = opened({ 'ce-id': 'c-3', 'Content-Type': 'application/json' }, { model: 'face' });
  assert.equal([id, source, data], ['CTL-1', 'nightshift/operator', { model: 'face' }]);
});

test('cloud event: quoted values are read, and bytes that are no UTF-8 are refused', async () => {
  const binary = { 'CE-SpecVersion': '1.0', 'CE-Source': '"the \\"desk\\""', 'CE-Type': 't', 'CE-ID': 'c-4' };
  assert.is(opened(binary, {}).source, 'the "desk"');
  for (const wrong of [
    { 'CE-ID': '%C0%A0' },
    { 'CE-ID': '' },
    { 'CE-SpecVersion': '0.3' },
    { 'content-type': 'text/xml' },
  ]) {
    const { code } = await failureOf((async () => opened({ ...binary, ...wrong }, {}))());
    assert.is(code, 'MESSAGE_MALFORMED', JSON.stringify(wrong));
  }
});

test.run();
