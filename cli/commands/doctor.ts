/**
 * `nightshift doctor`: looks at streams, consumers, replicas, runs, limits and certificates, and says of each fault how to
 * mend it. It changes nothing. Exit code 0: no error was found, 1: one was, 2: it could not look.
 */
import type { NatsConnection } from 'nats';
import { IMAGE_BYTES_MAX } from '../../contracts/inference.ts';
import { API } from '../../contracts/subjects.ts';
import { toFailure } from '../../contracts/errors.ts';
import { loginOf } from '../../infra/access/login-of.ts';
import type { Config } from '../../infra/config/config.ts';
import { certificateFindings } from '../../infra/health/certificates.ts';
import { examineConsumers } from '../../infra/health/consumers.ts';
import { error, unread, worstFirst, type Finding } from '../../infra/health/finding.ts';
import { mayAskJetStream } from '../../infra/health/look.ts';
import { letterFindings, replicaFindings, runFindings, versionFindings } from '../../infra/health/service.ts';
import { examineStreams } from '../../infra/health/streams.ts';
import { preflight } from '../../infra/preflight/preflight.ts';
import { programVersion } from '../../runtime/program.ts';
import type { Client } from '../client.ts';
import type { GlobalOptions } from '../global-options.ts';
import { configOf, serverUrl, withClient } from '../with-client.ts';

const EXIT_CODE_FOUND = 1;
const EXIT_CODE_BLIND = 2;

export async function doctorCommand({ json = false }: { json?: boolean }, global: GlobalOptions): Promise<void> {
  try {
    const config = configOf(global);
    const role = roleIn(config);
    const findings = worstFirst(await withClient(global, (client) => examine(client, config, role), role));
    const isWell = findings.every(({ severity }) => severity !== 'error');
    process.stdout.write(json ? `${JSON.stringify({ ok: isWell, findings })}\n` : textOf(findings, serverUrl(config)));
    if (!isWell) process.exitCode = EXIT_CODE_FOUND;
  } catch (cause) {
    const { code, message } = toFailure(cause);
    if (json) process.stdout.write(`${JSON.stringify({ ok: false, findings: [], failure: { code, message } })}\n`);
    process.stderr.write(`nightshift: could not look: ${message} [${code}]\n`);
    process.exitCode = EXIT_CODE_BLIND;
  }
}

type Looker = 'operator' | 'viewer';

/** A viewer sees what the orchestrator tells; an operator also asks the server. */
const roleIn = ({ nats }: Config): Looker => (nats.roles?.operator || !nats.roles?.viewer ? 'operator' : 'viewer');

async function examine(client: Client, config: Config, role: Looker): Promise<readonly Finding[]> {
  const nowMs = Date.now();
  const found = await Promise.all([
    role === 'viewer' ? Promise.resolve([RIGHTS_MISSING]) : examineServer(client.nc, config, nowMs),
    examineService(client, nowMs),
  ]);
  return [...found.flat(), ...certificateFindings(config.nats, nowMs)];
}

const RIGHTS_MISSING = unread(
  'jetstream.rights',
  'this login may not ask JetStream for its limits, streams and consumers',
  'log in as operator to have them examined',
);

async function examineServer(nc: NatsConnection, config: Config, nowMs: number): Promise<readonly Finding[]> {
  if (!(await mayAskJetStream(nc))) return [RIGHTS_MISSING];
  const { nats } = config;
  const isOurs = loginOf(nats, 'operator', serverUrl(config)).isForOwnServer === true;
  const found = await Promise.all([
    preflight(nc, {
      role: 'operator',
      copies: nats.replicas,
      imageBytesMax: IMAGE_BYTES_MAX,
      folders: isOurs ? [nats.storeDir] : [],
      now: Date.now,
    }),
    examineStreams(nc, nats.replicas, nowMs),
    examineConsumers(nc),
  ]);
  return found.flat();
}

/** By the orchestrator's answers. If it is silent, that is one finding and not five. */
async function examineService(client: Client, nowMs: number): Promise<readonly Finding[]> {
  try {
    const [{ models }, { runs }, { total, letters }] = await Promise.all([
      client.ask(API.status, {}),
      client.ask(API.runs, {}),
      client.ask(API.deadLetters, { limit: 1 }),
    ]);
    return [
      ...models.flatMap(replicaFindings),
      ...versionFindings(models, programVersion()),
      ...runFindings(runs, nowMs),
      ...letterFindings(total, letters[0]),
    ];
  } catch (cause) {
    const { code, message } = toFailure(cause);
    if (code === 'PERMISSION_DENIED') return [unread('service.rights', message, 'log in as operator or viewer')];
    return [error('orchestrator.silent', message, 'start one: `nightshift actor orchestrator`')];
  }
}

function textOf(findings: readonly Finding[], url: string): string {
  const lines = findings.map(
    ({ severity, id, sentence, mend }) => `${severity.padEnd(8)} ${sentence} [${id}]\n         ${mend}\n`,
  );
  const count = (severity: Finding['severity']) => findings.filter((it) => it.severity === severity).length;
  const rest = count('unread') > 0 ? `, ${count('unread')} could not be looked at` : '';
  return `${lines.join('')}${url}: ${count('error')} errors, ${count('warning')} warnings${rest}\n`;
}
