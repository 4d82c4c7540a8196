/** A system with a gateway and one night behind it, whose gallery a test asks by HTTP as the roles of people. */
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { ConfigSchema } from '../../infra/config/config.ts';
import { startSystem } from '../../main.ts';
import { withFolder } from './folder.ts';
import { withGatewayOf, type FetchOptions, type Served } from './gateway.ts';
import { connectAs } from './identities.ts';
import { runNight } from './nights.ts';
import { MODEL } from './replicas.ts';
import { testLogger } from './server.ts';
import { tinyNightIn } from './tiny-night.ts';

export const withGallery = (approval: 'none' | 'second', use: (served: Served) => Promise<void>): Promise<void> =>
  withFolder(async (folder) => {
    const storeDir = join(folder, 'store');
    const models = { [MODEL]: await tinyNightIn(folder) };
    const nats = { port: 0, storeDir };
    const config = ConfigSchema.parse({ nats, models, gateway: { port: 0 }, gallery: { approval } });
    const system = await startSystem(config, testLogger());
    try {
      const started = { url: system.server.url, storeDir, folder };
      const operator = await connectAs('operator', started);
      try {
        assert.is((await runNight(operator.bus, 'n1')).fact, 'completed');
      } finally {
        await operator.close();
      }
      await withGatewayOf(started, config, use);
    } finally {
      await system.stop();
    }
  });

export interface Answered {
  readonly status: number;
  /** Null of an answer that is no JSON. */
  readonly body: Readonly<Record<string, unknown>> | null;
}

/** `send`: JSON, or a form; absent: nothing is sent. */
export async function asked(
  { fetch }: Served,
  as: FetchOptions['as'] | null,
  path: string,
  send?: object,
): Promise<Answered> {
  const role = as ? { as } : {};
  const json = { method: 'POST', body: JSON.stringify(send), headers: { 'content-type': 'application/json' } };
  const form = send instanceof FormData ? { method: 'POST', body: send } : null;
  const response = await fetch(path, { ...role, ...(send === undefined ? {} : (form ?? json)) });
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  // All JSON of the gateway is an object.
  return { status: response.status, body: isJson ? ((await response.json()) as Answered['body']) : null };
}

export function formOf(person: string, image: Uint8Array<ArrayBuffer>): FormData {
  const form = new FormData();
  form.set('image', new Blob([image]), 'face.png');
  form.set('person', person);
  return form;
}
