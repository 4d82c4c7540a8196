/**
 * `npm run docs:contracts:record` records one message of each type for docs/asyncapi.json, out of a model's life in a test
 * system. Run it when a type is new or an example has become misleading; `npm run docs:contracts` puts them into the document.
 */
import { EnvelopeSchema, type Envelope } from '../../contracts/envelope.ts';
import { writeEventExamples } from '../../contracts/tools/document.ts';
import { TYPES } from '../../contracts/tools/catalogue.ts';
import { askEverything } from '../support/api-answers.ts';
import { withServer } from '../support/server.ts';

await withServer(async (server) => {
  const heard = new Map<string, Envelope>();
  const nc = await server.connect('recorder');
  nc.subscribe('nightshift.>', {
    callback: (_, message) => {
      // Questions and answers pass as well; they are no envelopes.
      const envelope = EnvelopeSchema.safeParse(jsonOf(message.string()));
      if (envelope.success && !heard.has(envelope.data.type)) heard.set(envelope.data.type, envelope.data);
    },
  });
  await nc.flush();
  await askEverything(server);
  const examples = TYPES.flatMap((type) => (heard.has(type) ? [[type, heard.get(type)] as const] : []));
  writeEventExamples(Object.fromEntries(examples));
});

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
