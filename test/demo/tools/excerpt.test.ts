/** The excerpt of the demo in the README: chosen lines of one run, between two marks. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { excerptOf, withExcerpt } from '../../../demo/tools/excerpt.ts';

const OUTPUT = `Nightshift demo
1. First night: nobody is known yet.
  train      7.3 s  epochs 14
  verify     1.0 s  verdict blessed
  deploy     2.4 s  in service
2. The doors open: 100 requests a second.
3. 6 newcomers enrol in Helper.
4. Second night, under the traffic.
  collect    2.4 s  samples 360
  train     12.5 s  epochs 14
  verify     2.5 s  verdict blessed
  deploy     2.6 s  in service
   At the door, by release 2: staff 97.9 %
5. A bad night: the services hand out shuffled labels.
  train     11.5 s  epochs 14
  verify     2.6 s  verdict rejected
   It ended rejected: rank-1 is 8.0 %.
6. A worse night: nobody is on the street.
   It ended rejected: threshold-jump is 0.4.
   Release 2 serves on: staff 97.9 %
7. An operator rolls back.
   The model of release 1 serves again, as release 3, after 71 ms.
│ requests   │ sent │ failed │
│ requests   │ 3964 sent, 0 failed │
`;

test('excerpt: lines in the order of the run, those of the second night and not of the first', () => {
  const lines = excerptOf(OUTPUT);
  assert.is(lines.length, 12);
  assert.is(lines[3], '  verify     2.5 s  verdict blessed');
  assert.is(lines[11], '│ requests   │ 3964 sent, 0 failed │');
});

test('excerpt: a line that the demo no longer prints is named', () => {
  assert.throws(
    () => excerptOf(OUTPUT.replace('5. A bad night', '5. Another night')),
    /no line like .*5\\. A bad night/,
  );
});

test('excerpt: it replaces what stands between the marks and nothing else', () => {
  const empty = withExcerpt(
    'a\n<!-- excerpt: npm run docs:excerpt writes what stands here -->\nold\n<!-- end of the excerpt -->\nb\n',
    'One run:',
    ['x'],
  );
  assert.is(withExcerpt(empty, 'One run:', ['x']), empty);
  assert.match(empty, /^a\n<!-- excerpt[^\n]+-->\n\nOne run:\n\n```text\nx\n```\n\n<!-- end of the excerpt -->\nb\n$/);
  assert.throws(() => withExcerpt('no marks', '', []), /lacks/);
});

test.run();
