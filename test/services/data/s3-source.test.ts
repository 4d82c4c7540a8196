/** The s3 source against a server that speaks as S3 does and checks signatures: keys, kinds, changes and failures. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SourceConfigSchema } from '../../../contracts/configuration/data.ts';
import { createS3Source } from '../../../services/data/s3-source.ts';
import { openSourceCache } from '../../../services/data/source-cache.ts';
import { SourceChanged, type SourceContext, type SourceSample } from '../../../services/data/strategy.ts';
import { withFolder } from '../../support/folder.ts';
import { S3_BUCKET, S3_LOGIN, withS3, type S3Server } from '../../support/s3-server.ts';
import { failureOf, testPng } from '../../support/samples.ts';
import { dataSourceConformance, readAll, readItems } from './data-source.conformance.ts';

process.env['NIGHTSHIFT_TEST_S3_ID'] = S3_LOGIN.accessKeyId;
process.env['NIGHTSHIFT_TEST_S3_KEY'] = S3_LOGIN.secretAccessKey;
process.env['NIGHTSHIFT_TEST_S3_WRONG'] = 'wrong';

function sourceAt({ endpoint }: Pick<S3Server, 'endpoint'>, more: object = {}, context: SourceContext = {}) {
  const login = { accessKeyId: { env: 'NIGHTSHIFT_TEST_S3_ID' }, secretAccessKey: { env: 'NIGHTSHIFT_TEST_S3_KEY' } };
  const given = {
    type: 's3',
    name: 'archive',
    endpoint,
    bucket: S3_BUCKET,
    prefix: 'faces/',
    attemptsMax: 2,
    ...login,
  };
  const config = SourceConfigSchema.parse({ ...given, ...more });
  if (config.type !== 's3') throw new Error('it is of s3');
  return createS3Source(config, context);
}

function fill({ objects }: S3Server, samples: readonly SourceSample[]): void {
  for (const { id, label, bytes, tags } of samples) {
    const key = `faces/${label}/${id.split('/')[1]}.png`;
    objects.set(key, bytes);
    if (tags) objects.set(`${key}.json`, Buffer.from(JSON.stringify({ tags })));
  }
}

dataSourceConformance({
  type: 's3',
  withSource: (samples, use) =>
    withS3((s3) => {
      fill(s3, samples);
      return use(sourceAt(s3));
    }),
  withAbsent: (use) => use(sourceAt({ endpoint: 'http://127.0.0.1:1' }, { attemptsMax: 1 })),
  absenceRetryable: true,
  hasTags: true,
  withBroken: (samples, use) =>
    withS3((s3) => {
      fill(s3, samples);
      s3.objects.set('faces/ada/x.png', Buffer.from('x'));
      s3.refuse = (key) => (key === 'faces/ada/x.png' ? 403 : null);
      return use(sourceAt(s3));
    }),
  withStore: (samples, use) =>
    withS3((s3) => {
      fill(s3, samples);
      const sent = () => s3.sent.filter((what) => what !== 'list').length;
      return use({ open: (context) => sourceAt(s3, {}, context), sent });
    }),
});

test('s3 source: keys behind the prefix are people with images, nested and named as people are', () =>
  withS3(async (s3) => {
    const keys = ['ada/1.png', 'ada/2025/10.png', 'ada/2025/2.png', 'Zoë & Łukasz/a+b c.png', 'آرش/۱.png'];
    for (const key of keys) s3.objects.set(`faces/${key}`, await testPng(key));
    s3.objects.set('faces/ada/1.png.json', Buffer.from('{"tags": ["light: left"]}'));
    s3.objects.set('faces/ada/2025/2.png.json', Buffer.from('{"tags": 7}'));
    s3.objects.set('faces/ada/', Buffer.alloc(0));
    s3.objects.set('faces/ada/notes.txt', Buffer.from('x'));
    s3.objects.set('faces/ada/scan', await testPng('no extension'));
    s3.objects.set('faces/ada/blob', Buffer.from('no picture'));
    s3.objects.set('faces/loose.png', await testPng('loose'));
    s3.objects.set('others/eve/1.png', await testPng('eve'));
    const items = await readItems(sourceAt(s3));
    const samples = items.filter((it) => 'bytes' in it);
    assert.equal(
      samples.map(({ id, label, tags }) => [id, label, tags]),
      [
        ['ada/1.png', 'ada', ['light: left']],
        ['ada/2025/10.png', 'ada', undefined],
        ['ada/scan', 'ada', undefined],
        ['Zoë & Łukasz/a+b c.png', 'Zoë & Łukasz', undefined],
        ['آرش/۱.png', 'آرش', undefined],
      ],
    );
    assert.ok(samples[0]!.bytes.equals(await testPng('ada/1.png')));
    assert.equal(
      items.filter((it) => 'fault' in it).map(({ id, fault }) => [id, fault]),
      [['ada/2025/2.png', 'invalid-tags']],
    );
    assert.equal(
      items.filter((it) => 'passedOver' in it).map(({ passedOver }) => passedOver),
      [{ '.txt file': 1, 'file outside of a folder': 1 }, { 'other file': 1 }],
    );
  }));

test('s3 source: an object is fetched again only if it is another', () =>
  withFolder((folder) =>
    withS3(async (s3) => {
      for (const key of ['ada/1.png', 'ada/2.png', 'ben/1.png']) s3.objects.set(`faces/${key}`, await testPng(key));
      const cache = () => openSourceCache({ folder, source: 's3', bytesMax: 1e9, isForgotten: () => false });
      const read = async () => {
        s3.sent.length = 0;
        return readAll(sourceAt(s3, {}, { cache: await cache() }));
      };
      const first = await read();
      assert.is(s3.sent.length, 4);
      assert.equal(await read(), first);
      assert.equal(s3.sent, ['list']);
      s3.objects.set('faces/ben/1.png', await testPng('changed'));
      await read();
      assert.equal(s3.sent, ['list', 'faces/ben/1.png']);
    }),
  ));

test('s3 source: an object that is gone, forbidden or too large is one bad item', () =>
  withS3(async (s3) => {
    for (const key of ['ada/1.png', 'ada/2.png', 'ada/3.png', 'ada/4.png'])
      s3.objects.set(`faces/${key}`, await testPng(key));
    s3.objects.set('faces/ada/4.png', Buffer.alloc(2000));
    s3.refuse = (key) => (key === 'faces/ada/1.png' ? 404 : key === 'faces/ada/2.png' ? 403 : null);
    const items = await readItems(sourceAt(s3, { photographs: { bytesMax: 1000 } }));
    assert.equal(
      items.flatMap((it) => ('fault' in it ? `${it.id} ${it.fault}` : 'bytes' in it ? it.id : [])),
      ['ada/1.png unavailable', 'ada/2.png unavailable', 'ada/3.png', 'ada/4.png too-large'],
    );
  }));

test('s3 source: an object that grows without end is one bad item, and one that never ends is given up', () =>
  withS3(async (s3) => {
    for (const name of ['1', '2']) s3.objects.set(`faces/ada/${name}.png`, await testPng(name));
    s3.instead = (key, response) => {
      if (!key.endsWith('1.png')) return false;
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
      return true;
    };
    const items = await readItems(sourceAt(s3));
    assert.equal(
      items.flatMap((it) => ('fault' in it ? `${it.id} ${it.fault}` : 'bytes' in it ? it.id : [])),
      ['ada/1.png unavailable', 'ada/2.png'],
    );
    s3.instead = (key, response) => key.endsWith('1.png') && response.writeHead(200).write('x');
    const failure = await failureOf(readAll(sourceAt(s3, { timeoutMs: 500 })));
    assert.equal([failure.code, failure.retryable], ['SOURCE_UNREACHABLE', true]);
    assert.match(failure.message, /faces\/ada\/1\.png: silent for 500 ms within its answer/);
  }));

for (const [what, token] of [
  ['in a circle of three', (page: number) => ['a', 'b', 'c'][page % 3]!],
  ['back to its beginning, with a new token each time', (page: number) => `token ${page}`],
] as const)
  test(`s3 source: a list that leads ${what} is ended`, () =>
    withS3(async (s3) => {
      let page = 0;
      s3.instead = (key, response) => {
        if (key !== '') return false;
        const number = what.startsWith('back') ? 0 : page;
        const object = `<Contents><Key>faces/ada/${number}.png</Key><ETag>"e"</ETag><Size>9</Size></Contents>`;
        const next = `<NextContinuationToken>${token(page++)}</NextContinuationToken>`;
        response
          .writeHead(200, { 'content-type': 'application/xml' })
          .end(`<ListBucketResult><IsTruncated>true</IsTruncated>${next}${object}</ListBucketResult>`);
        return true;
      };
      const { code, message } = await failureOf(readAll(sourceAt(s3)));
      assert.is(code, 'SOURCE_INVALID');
      assert.match(message, /its list runs in a circle/);
      assert.ok(page <= 4, `${page} pages`);
    }));

test('s3 source: an object that is written anew meanwhile is noticed', () =>
  withS3(async (s3) => {
    s3.objects.set('faces/ada/1.png', await testPng('a'));
    s3.refuse = (key) => (key === 'faces/ada/1.png' ? 412 : null);
    assert.instance(await failureOf(readAll(sourceAt(s3))), SourceChanged);
  }));

test('s3 source: a login that is refused, a bucket that is not there and a service that is down are told apart', () =>
  withS3(async (s3) => {
    s3.objects.set('faces/ada/1.png', await testPng('a'));
    const wrong = await failureOf(readAll(sourceAt(s3, { secretAccessKey: { env: 'NIGHTSHIFT_TEST_S3_WRONG' } })));
    assert.equal([wrong.code, wrong.retryable], ['SOURCE_INVALID', false]);
    assert.match(wrong.message, /source "archive", bucket people at http.*answered 403 \(SignatureDoesNotMatch\)/);
    assert.match(
      (await failureOf(readAll(sourceAt(s3, { bucket: 'nobody' })))).message,
      /answered 404 \(NoSuchBucket\)/,
    );
    s3.refuse = () => 503;
    const down = await failureOf(readAll(sourceAt(s3)));
    assert.equal([down.code, down.retryable], ['SOURCE_UNREACHABLE', true]);
    const unset = await failureOf(readAll(sourceAt(s3, { accessKeyId: { env: 'NIGHTSHIFT_TEST_UNSET' } })));
    assert.match(
      unset.message,
      /source "archive": accessKeyId: the environment variable NIGHTSHIFT_TEST_UNSET is not set/,
    );
  }));

test('s3 source: what fails once is fetched again', () =>
  withS3(async (s3) => {
    s3.objects.set('faces/ada/1.png', await testPng('a'));
    let fails = 1;
    s3.refuse = (key) => (key !== '' && fails-- > 0 ? 503 : null);
    assert.is((await readAll(sourceAt(s3))).length, 1);
  }));

test.run();
