/** A set of any size through a host: the same rows wherever the pixels are, and never more than two pieces in memory. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openImages } from '../../../../services/data/image-reader.ts';
import type { LabelledImages, ReadableImages } from '../../../../services/data/strategy.ts';
import { embedAll } from '../../../../services/serving/host/embed-all.ts';
import type { ModelHost } from '../../../../services/serving/strategy.ts';
import { createModelHost } from '../../../../services/serving/host/model-host.ts';
import { messageOf } from '../../../support/failures.ts';
import { cancelled, failureOf } from '../../../support/samples.ts';
import { TINY_HOST, tinySplit } from '../../../support/tiny-data.ts';
import { TINY_IMAGE, tinyModel } from '../../../support/tiny-model.ts';

const IMAGES = tinySplit(200, 5);

async function withHost<T>(use: (host: ModelHost) => Promise<T>): Promise<T> {
  const host = await createModelHost({ model: tinyModel({ seed: 1 }), image: TINY_IMAGE, ...TINY_HOST });
  try {
    return await use(host);
  } finally {
    await host.close();
  }
}

/** `images` without their pixels, which are read; `onRead` hears how many at once. */
function elsewhere({ pixels, ...set }: LabelledImages, onRead: (images: number) => void = () => {}): ReadableImages {
  const { read } = openImages({ pixels, ...set });
  return {
    ...set,
    read: (indices, target) => {
      onRead(indices.length);
      return read(indices, target);
    },
  };
}

test('embed all: the rows are the same to the bit, in memory and elsewhere', () =>
  withHost(async (host) => {
    const rows = await embedAll(host, IMAGES);
    assert.is(rows.length, 200 * host.dimensions);
    assert.ok(rows.every((value) => value !== 0));
    assert.equal(await embedAll(host, elsewhere(IMAGES)), rows);
    assert.is((await embedAll(host, elsewhere(tinySplit(0, 1)))).length, 0);
  }));

test('embed all: of any set two pieces are in memory, one at work and the next', () =>
  withHost(async (host) => {
    let [held, most] = [0, 0];
    const images = elsewhere(IMAGES, (count) => {
      held += count;
      most = Math.max(most, held);
    });
    const slow: ModelHost = {
      ...{
        dimensions: host.dimensions,
        failed: host.failed,
        inFlight: 0,
        waitMs: 0,
        ran: host.ran,
        close: () => host.close(),
      },
      embed: async (request) => {
        const rows = await host.embed(request);
        held -= request.count;
        return rows;
      },
    };
    await embedAll(slow, images);
    assert.is(most, 64);
    assert.is(held, 0);
  }));

test('embed all: an abort ends it with its reason, and a set that cannot be read with its error', () =>
  withHost(async (host) => {
    const abort = new AbortController();
    const done: number[] = [];
    const onDone = (images: number) => {
      done.push(images);
      abort.abort(cancelled());
    };
    const failure = await failureOf(embedAll(host, elsewhere(IMAGES), { signal: abort.signal, onDone }));
    assert.equal([failure.code, done], ['CANCELLED', [32]]);
    let reads = 0;
    const broken = elsewhere(IMAGES, () => {
      reads += 1;
      if (reads === 3) throw new Error('the file ends');
    });
    assert.match(await messageOf(embedAll(host, broken)), /the file ends/);
  }));

test.run();
