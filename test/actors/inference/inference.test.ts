import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { EmbedReplySchema, IdentifyReplySchema, VerifyReplySchema } from '../../../contracts/inference.ts';
import { parseData } from '../../../contracts/envelope.ts';
import { ReplicaPreparedSchema, ReplicaSwitchedSchema } from '../../../contracts/messages.ts';
import { replicaEventSubject, STREAMS } from '../../../contracts/subjects.ts';
import { decodeImage, encodePng } from '../../../services/data/images.ts';
import { decisionFor } from '../../../services/decision/in-force.ts';
import { ask, busOf, faceOf, statusOf, withReplicas } from '../../support/replicas.ts';
import { decisionAt } from '../../support/tiny-data.ts';
import { TINY_IMAGE } from '../../support/tiny-model.ts';
import { until } from '../../support/wait.ts';

test('inference: before the first release it answers NOT_READY and reports that it serves nothing', () =>
  withReplicas(async (context) => {
    await context.start('r1');
    const { status, body, text } = await ask(context.nc, 'identify', await faceOf(0));
    assert.is(status, 503);
    assert.is((body.error as { code: string }).code, 'NOT_READY');
    assert.match(text, /^NOT_READY: no model is in service yet/);
    const reported = await statusOf(context, 'r1');
    assert.equal([reported?.release, reported?.decision], [null, null]);
    assert.equal(reported?.resident, []);
  }));

test('inference: a deployment is prepared, committed and served, and said in events and heartbeats', () =>
  withReplicas(async (context) => {
    const inference = await context.start('r1');
    const { current } = await context.deploy({ runId: 'run1' });
    const bus = await busOf(context);
    const event = (fact: 'prepared' | 'switched') =>
      until(() => bus.lastOn(STREAMS.events, replicaEventSubject(fact, 'run1')), `replica.${fact}`);
    const prepared = await event('prepared');
    assert.is(prepared.id, 'run1:r1:prepared');
    assert.ok(parseData(ReplicaPreparedSchema, prepared).prepareMs > 0);
    const switched = parseData(ReplicaSwitchedSchema, await event('switched'));
    assert.is(switched.release, 1);
    assert.ok(switched.swapUs < 1000, `the swap took ${switched.swapUs} us`);
    const status = await statusOf(context, 'r1');
    assert.is(status?.modelDigest, current?.model.digest);
    assert.is(status?.swapUs, switched.swapUs);
    assert.is(inference.status().prepared, null);
  }));

test('inference: identify, verify and embed answer with the release and the model that answered', () =>
  withReplicas(async (context) => {
    const inference = await context.start('r1');
    const decision = { ...decisionAt(0.8), verify: { far: 0.001, threshold: 0.75 } };
    const { current } = await context.deploy({ runId: 'run1', decision });
    const answered = { release: 1, modelDigest: current!.model.digest };
    const inForce = decisionFor(decision, 5);
    const identified = IdentifyReplySchema.parse((await ask(context.nc, 'identify', await faceOf(3))).body);
    assert.equal(
      { ...identified, matches: 0, score: 0 },
      {
        ...{ ...answered, replica: 'r1', person: 'p3', known: true, threshold: 0.8, decision: inForce },
        ...{ matches: 0, score: 0 },
      },
    );
    assert.is(identified.matches.length, 5);
    const right = VerifyReplySchema.parse((await ask(context.nc, 'verify', await faceOf(3), { person: 'p3' })).body);
    const wrong = VerifyReplySchema.parse((await ask(context.nc, 'verify', await faceOf(3), { person: 'p4' })).body);
    assert.equal([right.match, wrong.match], [true, false]);
    assert.equal([right.threshold, right.decision], [0.75, inForce]);
    assert.equal((await statusOf(context, 'r1'))?.decision, inForce);
    assert.ok(Math.abs(right.score - identified.score) < 1e-6);
    const embedded = EmbedReplySchema.parse((await ask(context.nc, 'embed', await faceOf(3))).body);
    assert.ok(Math.abs(Math.hypot(...embedded.embedding) - 1) < 1e-5);
    const { requests, failed, latencyMs } = inference.status().figures;
    assert.equal([requests, failed], [4, 0]);
    assert.ok(latencyMs && latencyMs.p50 > 0 && latencyMs.max >= latencyMs.p99);
  }));

test('inference: an unknown face is no person, however near the nearest is', () =>
  withReplicas(async (context) => {
    await context.start('r1');
    await context.deploy({ runId: 'run1', threshold: 0.99999 });
    const reply = IdentifyReplySchema.parse((await ask(context.nc, 'identify', await faceOf(3))).body);
    assert.equal([reply.person, reply.known], [null, false]);
    assert.is(reply.matches[0]?.person, 'p3');
  }));

test('inference: a face that resembles two people is neither, and verify asks about one of them alone', () =>
  withReplicas(async (context) => {
    await context.start('r1');
    const sure = decisionAt(0.8);
    // The second best of this face is nearer than that, whoever it is.
    const decision = { ...sure, identify: { ...sure.identify, margin: 1.9 }, warning: 'too few strangers' };
    await context.deploy({ runId: 'run1', decision });
    const reply = IdentifyReplySchema.parse((await ask(context.nc, 'identify', await faceOf(3))).body);
    assert.equal([reply.person, reply.known, reply.matches[0]?.person], [null, false, 'p3']);
    assert.ok(reply.score > reply.threshold && reply.score - reply.matches[1]!.score < 1.9);
    assert.is(reply.decision.warning, 'too few strangers');
    assert.is((await ask(context.nc, 'verify', await faceOf(3), { person: 'p3' })).body.match, true);
  }));

test('inference: a blank picture is refused by every verb, with what to do', () =>
  withReplicas(async (context) => {
    const inference = await context.start('r1');
    await context.deploy({ runId: 'run1' });
    const pixels = new Uint8Array(TINY_IMAGE.width * TINY_IMAGE.height);
    const black = await encodePng(pixels, TINY_IMAGE);
    const refused = [
      await ask(context.nc, 'identify', black),
      await ask(context.nc, 'verify', black, { person: 'p3' }),
      await ask(context.nc, 'embed', black),
      await ask(context.nc, 'identify', pixels.fill(255), { input: 'pixels' }),
      await ask(context.nc, 'enroll', black, { person: 'nobody there' }),
    ];
    for (const { status, text } of refused) {
      assert.is(status, 400);
      assert.match(text, /^IMAGE_BLANK: \w+ request: .*; send a photograph/);
    }
    assert.equal([inference.status().figures.requests, inference.status().decision?.people], [0, 5]);
  }));

test("inference: a client's mistake is answered as such, counts as no failure and changes nothing", () =>
  withReplicas(async (context) => {
    const inference = await context.start('r1');
    await context.deploy({ runId: 'run1' });
    const face = await faceOf(1);
    const mistakes = [
      await ask(context.nc, 'identify', Buffer.from('not an image')),
      await ask(context.nc, 'identify', face.subarray(0, face.length - 40)),
      await ask(context.nc, 'identify', new Uint8Array(0)),
      await ask(context.nc, 'verify', face),
      await ask(context.nc, 'verify', face, { person: 'nobody' }),
      await ask(context.nc, 'identify', face, { deadlineMs: 'soon' }),
    ];
    assert.equal(
      mistakes.map(({ status }) => status),
      [400, 400, 400, 400, 404, 400],
    );
    assert.match(mistakes[0]!.text, /^IMAGE_UNREADABLE: identify request: /);
    assert.match(mistakes[3]!.text, /header Nightshift-Person/);
    const { requests, failed, latencyMs, scores } = inference.status().figures;
    assert.equal([requests, failed, latencyMs, scores], [0, 0, null, null]);
    assert.is((await ask(context.nc, 'identify', face)).status, 200);
  }));

test('inference: pixels are answered as the file that holds them, and refused if they do not fit', () =>
  withReplicas(async (context) => {
    await context.start('r1');
    await context.deploy({ runId: 'run1' });
    const face = await faceOf(2);
    const pixels = await decodeImage(face, TINY_IMAGE, 'test');
    const [file, ready] = [
      await ask(context.nc, 'embed', face),
      await ask(context.nc, 'embed', pixels, { input: 'pixels' }),
    ];
    assert.equal(ready.body, file.body);
    const short = await ask(context.nc, 'embed', pixels.subarray(1), { input: 'pixels' });
    assert.is(short.status, 400);
    assert.match(short.text, /255 bytes of pixels; 256 were expected: \[1, 16, 16\]/);
    assert.is((await ask(context.nc, 'embed', pixels, { input: 'tensor' })).status, 400);
  }));

test('inference: a request whose deadline has passed is refused with 504', () =>
  withReplicas(async (context) => {
    await context.start('r1');
    await context.deploy({ runId: 'run1' });
    const { status, text } = await ask(context.nc, 'identify', await faceOf(1), { deadlineMs: '0' });
    assert.is(status, 504);
    assert.match(text, /^DEADLINE_EXCEEDED/);
  }));

test.run();
