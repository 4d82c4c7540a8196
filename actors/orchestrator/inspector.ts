/**
 * Streams runs to the inspector of Stately, as actors that its own package describes: to a page of this machine that frames
 * the inspector, and to any WebSocket client here. The orchestrator's decisions are pure, so there is no actor of XState to
 * inspect: each transition is told from its checkpoint. Loaded by --inspect alone.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInspector } from '@statelyai/inspect';
import { WebSocketServer } from 'ws';
import { PipelineError } from '../../contracts/errors.ts';
import { pipelineMachine } from '../../machines/pipeline.machine.ts';
import type { Checkpoint } from '../../machines/step.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Witness } from './context.ts';

export interface RunInspector extends Witness {
  /** Of the page. */
  readonly url: string;
  close(): Promise<void>;
}

/** A client that comes later hears so much of what was before, and so many runs by name. */
const MESSAGES_KEPT = 500;
const RUNS_KEPT = 50;
/** A client that does not read is let go. */
const UNREAD_BYTES_MAX = 8 * 1024 * 1024;
/** A client has nothing to say. One that sends more would fill the memory, at the package's default of 100 MiB. */
const HEARD_BYTES_MAX = 1024;
const INSPECTOR = 'https://stately.ai';

/** On this machine alone. Throws CONFIG_INVALID if the port is taken. */
export async function startInspector({ port, log }: { port: number; log: Logger }): Promise<RunInspector> {
  const stage = new Stage();
  const server = createServer((request, response) => {
    if (!isOurs(request) || request.method !== 'GET' || request.url !== '/') return response.writeHead(404).end();
    const nonce = randomBytes(16).toString('base64');
    return response.writeHead(200, headersOf(nonce)).end(pageOf(nonce));
  });
  server.on('upgrade', (request, socket, head) => {
    // A client that has gone meanwhile is nobody to answer; without this, its error would end the orchestrator.
    socket.on('error', () => socket.destroy());
    if (isOurs(request)) stage.sockets.handleUpgrade(request, socket, head, (client) => stage.welcome(client));
    else socket.end('HTTP/1.1 403 Forbidden\r\n\r\n', () => socket.destroy());
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening').catch((cause: unknown) => {
    throw new PipelineError('CONFIG_INVALID', `--inspect: port ${port} cannot be used (${String(cause)})`, { cause });
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`; // It listens on a port.
  log.info({ url }, `runs are shown at ${url}, by the inspector of ${INSPECTOR}`);
  return {
    ...{ name: 'the inspector', url },
    moved: async (checkpoint) => stage.moved(checkpoint),
    close: async () => {
      for (const client of stage.sockets.clients) client.terminate();
      server.closeAllConnections();
      server.close();
    },
  };
}

/** A page of another origin must not listen, and no name that leads here by a trick of DNS counts as this machine. */
function isOurs({ headers: { host = '', origin } }: IncomingMessage): boolean {
  return /^(127\.0\.0\.1|localhost)(:\d+)?$/.test(host) && (origin === undefined || origin === `http://${host}`);
}

type Client = WebSocketServer['clients'] extends Set<infer C> ? C : never;

/** What was told, and those who listen. */
class Stage {
  readonly sockets = new WebSocketServer({ noServer: true, maxPayload: HEARD_BYTES_MAX });
  /** By run: that it is there. */
  readonly #actors = new Map<string, string>();
  #recent: string[] = [];
  readonly #inspector = createInspector(
    { send: (event) => this.#tell(event.sessionId, event.type === '@xstate.actor', JSON.stringify(event)) },
    { sanitizeContext: shownOf, sanitizeEvent: ({ type }) => ({ type }) },
  );

  welcome(client: Client): void {
    // A client that goes needs nothing; an error is followed by its end.
    client.on('error', () => {});
    for (const message of [...this.#actors.values(), ...this.#recent]) client.send(message);
  }

  moved({ value, context, status, cause }: Checkpoint): void {
    const { runId } = context;
    const snapshot = { status, value, context };
    const event = { type: cause };
    if (this.#actors.has(runId)) {
      this.#inspector.event(runId, event);
      this.#inspector.snapshot(runId, snapshot, { event });
    } else this.#inspector.actor(actorOf(runId), snapshot);
  }

  #tell(runId: string, isActor: boolean, message: string): void {
    if (isActor) {
      const [oldest] = this.#actors.keys();
      if (this.#actors.size >= RUNS_KEPT && oldest !== undefined) this.#actors.delete(oldest);
      this.#actors.set(runId, message);
    } else this.#recent = [...this.#recent, message].slice(-MESSAGES_KEPT);
    for (const client of this.sockets.clients) {
      if (client.bufferedAmount > UNREAD_BYTES_MAX) client.terminate();
      else client.send(message);
    }
  }
}

type Inspected = Parameters<ReturnType<typeof createInspector>['actor']>[0];

/** All that the package reads of an actor: its name and its chart. There is no such actor. */
const actorOf = (runId: string) =>
  ({ sessionId: runId, id: runId, logic: { config: pipelineMachine.config } }) as unknown as Inspected;

/** Of the memory of a run: no names, no data, no settings, and no words in which there may be any. */
function shownOf(context: object): object {
  const { model, kind, stage, attempt, paused, approved, failure } = context as Checkpoint['context']; // As `moved` gives it.
  return { model, kind, stage, attempt, paused, approved, failure: failure?.code ?? null };
}

const headersOf = (nonce: string) => ({
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy':
    `default-src 'none'; frame-src ${INSPECTOR}; connect-src 'self'; script-src 'nonce-${nonce}'; ` +
    `style-src 'nonce-${nonce}'; frame-ancestors 'none'`,
});

/** Hands on what it hears once the inspector in its frame says that it listens. */
const pageOf = (nonce: string) => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Nightshift: runs in the inspector of Stately</title>
<style nonce="${nonce}">html, body, iframe { margin: 0; width: 100%; height: 100%; border: 0 } body { overflow: hidden }</style>
<iframe src="${INSPECTOR}/inspect" title="The inspector of Stately"></iframe>
<script nonce="${nonce}">
  const frame = document.querySelector('iframe');
  let waiting = [];
  const show = (message) => frame.contentWindow.postMessage(message, '${INSPECTOR}');
  addEventListener('message', ({ origin, data }) => {
    if (origin !== '${INSPECTOR}' || data?.type !== '@statelyai.connected' || waiting === null) return;
    waiting.forEach(show);
    waiting = null;
  });
  new WebSocket(location.href.replace('http', 'ws')).onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (waiting === null) show(message);
    else waiting.push(message);
  };
</script>
</html>
`;
