/**
 * The streams and buckets as the server keeps them, beside the table of them: missing, full, without enough copies, with
 * a history that is shorter than its age. Called by cli/commands/doctor.ts.
 */
import type { StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { mayExamine } from '../access/permissions.ts';
import { managerOf } from '../messaging/jetstream.ts';
import { streamsOf, type StreamSpec } from '../topology/streams.ts';
import { error, NEARLY_FULL, unread, warning, type Finding } from './finding.ts';
import { ANSWER_MS, look, type Look } from './look.ts';

/** Longer than the server takes to remove what is too old. */
const OVERDUE_MS = 24 * 3600_000;
/** A copy that is so many entries of its log behind does not catch up by itself in a moment. */
const LAG_MAX = 10_000;
const NANOS_PER_MS = 1e6;
const SETUP = 'run `nightshift setup`';

export async function examineStreams(nc: NatsConnection, copies: number, nowMs: number): Promise<readonly Finding[]> {
  const manager = await managerOf(nc, { timeout: ANSWER_MS });
  const specs = streamsOf({ replicas: copies }).filter(({ name }) => mayExamine(name));
  const looks = await Promise.all(specs.map(({ name }) => look(() => manager.streams.info(name))));
  const denied = specs.filter((_, index) => looks[index]!.kind === 'denied').map(({ name }) => name);
  const findings = specs.flatMap((spec, index) => streamFindings(spec, looks[index]!, nowMs));
  return denied.length === 0 ? findings : [...findings, notRead('streams', denied)];
}

/** One for all of a kind: this login sees none of them. */
export const notRead = (kind: 'streams' | 'consumers', names: readonly string[]): Finding =>
  unread(
    `${kind}.rights`,
    `this login may not look at the ${kind} ${names.join(', ')}`,
    'log in as operator to have them examined; a viewer may not',
  );

export function streamFindings(spec: StreamSpec, seen: Look<StreamInfo>, nowMs: number): readonly Finding[] {
  const { name } = spec;
  switch (seen.kind) {
    case 'missing':
      return [error('stream.missing', `there is no stream ${name}`, SETUP)];
    case 'silent':
      return [error('stream.silent', `the stream ${name} does not answer: ${seen.why}`, QUORUM)];
    case 'denied':
      return [];
    case 'there':
      return [...fullness(spec, seen.info), ...copiesOf(spec, seen.info), ...history(spec, seen.info, nowMs)];
  }
}

const QUORUM = 'look at the servers of the cluster: more than half of those that keep the stream have to run';

function fullness({ name }: StreamSpec, { config, state }: StreamInfo): Finding[] {
  // A stream that drops its oldest is full by design: see history().
  if (config.discard !== 'new') return [];
  const limits = [
    ['bytes', state.bytes, config.max_bytes],
    ['messages', state.messages, config.max_msgs],
  ] as const;
  return limits
    .filter(([, now, most]) => most > 0 && now >= most * NEARLY_FULL)
    .map(([what, now, most]) =>
      (now >= most ? error : warning)(
        'stream.full',
        `the stream ${name} holds ${now} of ${most} ${what}, and refuses what comes when it is full`,
        'see that its readers run (`nightshift doctor` names consumers that stand), or raise its limit at the server',
      ),
    );
}

function copiesOf({ name, num_replicas: wanted = 1 }: StreamSpec, { config, cluster }: StreamInfo): Finding[] {
  const found: Finding[] = [];
  if (config.num_replicas < wanted) {
    const sentence = `the stream ${name} has ${config.num_replicas} copies, nats.replicas says ${wanted}`;
    found.push(warning('stream.copies', sentence, SETUP));
  }
  if (cluster && !cluster.leader) found.push(error('stream.leader', `the stream ${name} has no leader`, QUORUM));
  for (const { name: server, current, offline, lag = 0 } of cluster?.replicas ?? []) {
    if (current && !offline && lag <= LAG_MAX) continue;
    const how = offline ? 'is offline' : `is ${lag} entries behind`;
    const sentence = `the copy of the stream ${name} on the server ${server} ${how}`;
    found.push(warning('stream.copy', sentence, `look at the server ${server}; with one more lost, nothing is stored`));
  }
  return found;
}

function history({ name }: StreamSpec, { config, state }: StreamInfo, nowMs: number): Finding[] {
  if (state.messages === 0 || config.max_age === 0) return [];
  const ageMs = nowMs - Date.parse(state.first_ts);
  const mostMs = config.max_age / NANOS_PER_MS;
  if (ageMs > mostMs + OVERDUE_MS) {
    const sentence = `the oldest message of the stream ${name} is ${days(ageMs)} old, its limit is ${days(mostMs)}`;
    return [warning('stream.old', sentence, "compare the clocks of this machine and of the stream's servers")];
  }
  const isDropping = config.discard === 'old' && config.max_bytes > 0 && state.bytes >= config.max_bytes * NEARLY_FULL;
  if (!isDropping) return [];
  const sentence = `the stream ${name} is full and drops its oldest: it reaches back ${days(ageMs)} of ${days(mostMs)}`;
  return [warning('stream.short', sentence, 'raise max_bytes of the stream at the server if that is too short')];
}

const days = (ms: number) => `${(ms / (24 * 3600_000)).toFixed(1)} days`;
