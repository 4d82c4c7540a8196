import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { html, name, trusted } from '../../../services/report/html.ts';

test('html: a value is text, in an element as in an attribute', () => {
  const text = `<b>"Tom" & 'Eve'</b>`;
  const escaped = '&lt;b&gt;&quot;Tom&quot; &amp; &#39;Eve&#39;&lt;/b&gt;';
  assert.is(html`<p title="${text}">${text}</p>`.html, `<p title="${escaped}">${escaped}</p>`);
});

test('html: what is HTML already stays as it is, also in a list; null is nothing', () => {
  const items = ['a', '<'].map((it) => html`<i>${it}</i>`);
  assert.is(html`<b>${items}${null}${trusted('<!-- ours -->')}</b>`.html, '<b><i>a</i><i>&lt;</i><!-- ours --></b>');
});

test('html: a name keeps its direction to itself, and a number its percent sign', () => {
  assert.is(name('\u202Emoc').html, '<bdi>\u202Emoc</bdi>');
  assert.is(html`${'at most 1 % of all'}`.html, 'at most 1\u00a0% of all');
});

test.run();
