/**
 * Prints a line for each release that comes into service: `npx tsx model-deployed.ts nightshift-viewer`, where the argument is
 * a context of the NATS CLI (`nightshift auth context viewer` writes this one). Needs the packages `nightshift` and
 * `nats@npm:@nats-io/transport-node`. A plain subscription hears nothing while it is away, so after each connection it asks
 * what serves. README.md beside it says when a durable consumer is better.
 */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, credsAuthenticator, nkeyAuthenticator, type Msg } from 'nats';
import { QUESTIONS } from 'nightshift/contracts/api';
import { EnvelopeSchema } from 'nightshift/contracts/envelope';
import { ModelDeployedSchema } from 'nightshift/contracts/messages';
import { API } from 'nightshift/contracts/subjects';

interface Context {
  readonly url: string;
  readonly nkey?: string;
  readonly creds?: string;
  readonly inbox_prefix?: string;
}

/** One line, no stack: somebody who runs this has no use for one. */
function end(error: unknown): never {
  console.error(`model-deployed: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}

const config = process.env['XDG_CONFIG_HOME'] || join(homedir(), '.config');
const name = process.argv[2] ?? 'nightshift-viewer';

function readContext(): Context {
  const file = join(config, 'nats', 'context', `${name}.json`);
  if (!existsSync(file))
    end(`there is no context ${file}; \`nightshift auth context viewer\` writes nightshift-viewer`);
  return JSON.parse(readFileSync(file, 'utf8')) as Context;
}

async function logIn() {
  const { url, nkey, creds, inbox_prefix: inboxPrefix } = readContext();
  const login = nkey
    ? { authenticator: nkeyAuthenticator(new TextEncoder().encode(readFileSync(nkey, 'utf8').trim())) }
    : creds
      ? { authenticator: credsAuthenticator(readFileSync(creds)) }
      : {};
  const inbox = inboxPrefix ? { inboxPrefix } : {};
  return connect({ servers: url.split(','), ...login, ...inbox, maxReconnectAttempts: -1 }).catch((error: Error) =>
    end(`no connection to ${url} of the context ${name} (${error.message}); does nats-server run there?`),
  );
}

const nc = await logIn();

/** An event may be heard twice, with the same id (`ce-id` in its headers): acting on it must not happen twice. Bounded. */
const SEEN_MAX = 1_000;
const seen = new Set<string>();
function isNew(id: string): boolean {
  if (seen.has(id)) return false;
  seen.add(id);
  if (seen.size > SEEN_MAX) seen.delete(seen.values().next().value!);
  return true;
}

/** Release numbers only rise, also by a rollback. An answer and an event may tell of the same one. */
const serving = new Map<string, number>();
function serves(model: string, release: number, runId: string): void {
  if (release <= (serving.get(model) ?? 0)) return;
  serving.set(model, release);
  // Here you would act: reload thresholds, clear a cache, tell somebody.
  console.log(JSON.stringify({ model, release, runId }));
}

nc.subscribe('nightshift.evt.model.*.*', {
  callback: (error, message) => {
    if (error) end(error);
    const { id, data } = EnvelopeSchema.parse(message.json());
    if (!isNew(id)) return;
    const { model, release, runId } = ModelDeployedSchema.parse(data);
    serves(model, release, runId);
  },
});

const PAUSE_MS = 5_000;

/** Until somebody answers: events are heard meanwhile, and what came before them is not missed. */
async function status(): Promise<Msg> {
  for (;;) {
    try {
      return await nc.request(API.status, '{}', { timeout: PAUSE_MS });
    } catch (error) {
      if (nc.isClosed()) end(error);
      const why = (error as Error).message;
      console.error(`nobody answers ${API.status} (${why}); does an orchestrator run? Asking again in 5 s`);
      await sleep(PAUSE_MS);
    }
  }
}

async function catchUp(): Promise<void> {
  const reply = await status();
  for (const { model, deployment } of QUESTIONS[API.status].answer.parse(reply.json()).models) {
    if (deployment?.current) serves(model, deployment.current.release, deployment.current.runId);
  }
}

await catchUp();
for await (const { type } of nc.status()) if (type === 'reconnect') await catchUp();
