/**
 * `npm run docs:api:record` records one exchange of every endpoint for docs/api.md, cut to what a page has room for. Run it
 * when an endpoint is new or an example has become misleading; `npm run docs:api` puts them into the page.
 */
import { writeExamples } from '../../contracts/tools/api-page.ts';
import { API } from '../../contracts/subjects.ts';
import { askEverything } from '../support/api-answers.ts';
import { withServer } from '../support/server.ts';

const MEMBERS_MAX = 2;
/** By key: the fields that are kept of what stands there. */
const KEPT: Readonly<Record<string, readonly string[]>> = {
  context: ['plan', 'forkedFrom', 'champion', 'attempt', 'paused', 'approved'],
  face: ['sources', 'schedule'],
};

function cut(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return value.slice(0, MEMBERS_MAX).map((item) => cut(item));
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).filter(([name]) => KEPT[key]?.includes(name) ?? true);
  return Object.fromEntries(fields.map(([name, item]) => [name, cut(item, name)]));
}

const exchanges = await withServer(askEverything);
const order = [...Object.values(API), ...Object.keys(exchanges)];
const sorted = [...new Set(order)].map((subject) => [subject, exchanges[subject as keyof typeof exchanges]]);
writeExamples(Object.fromEntries(sorted.map(([subject, exchange]) => [subject, cut(exchange)])));
