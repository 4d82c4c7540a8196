/**
 * The durable consumers: whether somebody takes what waits there, and whether it is handled. A worker has no heartbeat of
 * its own, so a consumer that nobody asks for messages is the sign that none runs. Called by cli/commands/doctor.ts.
 */
import type { ConsumerInfo } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { WORK_STAGES } from '../../contracts/subjects.ts';
import { managerOf } from '../messaging/jetstream.ts';
import { CONSUMER_SPECS, CONSUMERS, workerConsumer, type ConsumerSpec } from '../topology/consumers.ts';
import { error, NEARLY_FULL, warning, type Finding } from './finding.ts';
import { ANSWER_MS, look, type Look } from './look.ts';
import { notRead } from './streams.ts';

/** More deliveries than a night has: a backlog of a healthy system is gone in seconds. */
const BACKLOG_MAX = 1_000;

const WORKERS = { collect: 'collector', train: 'trainer', verify: 'verifier' } as const;
const WORKER_OF = new Map<string, string>([
  ...WORK_STAGES.flatMap((stage) =>
    (['start', 'control'] as const).map((kind): [string, string] => [workerConsumer(stage, kind), WORKERS[stage]]),
  ),
  [CONSUMERS.janitor, 'janitor'],
]);
const actorOf = (consumer: string) => WORKER_OF.get(consumer) ?? 'orchestrator';

export async function examineConsumers(nc: NatsConnection): Promise<readonly Finding[]> {
  const manager = await managerOf(nc, { timeout: ANSWER_MS });
  const looks = await Promise.all(
    CONSUMER_SPECS.map(({ stream, config }) => look(() => manager.consumers.info(stream, config.durable_name))),
  );
  const denied = CONSUMER_SPECS.filter((_, index) => looks[index]!.kind === 'denied');
  return [
    ...CONSUMER_SPECS.flatMap((spec, index) => consumerFindings(spec, looks[index]!)),
    ...(denied.length === 0
      ? []
      : [
          notRead(
            'consumers',
            denied.map(({ config }) => config.durable_name),
          ),
        ]),
  ];
}

export function consumerFindings({ stream, config }: ConsumerSpec, seen: Look<ConsumerInfo>): readonly Finding[] {
  const name = config.durable_name;
  switch (seen.kind) {
    case 'missing':
      return [error('consumer.missing', `there is no consumer ${name} of ${stream}`, 'run `nightshift setup`')];
    case 'silent': {
      const mend = 'look at the servers of the cluster: more than half of those that keep it have to run';
      return [error('consumer.silent', `the consumer ${name} of ${stream} does not answer: ${seen.why}`, mend)];
    }
    case 'denied':
      return [];
    case 'there':
      return [...taken(name, seen.info), ...handled(name, config.max_ack_pending ?? 0, seen.info)];
  }
}

function taken(name: string, info: ConsumerInfo): Finding[] {
  const { num_waiting: askers, num_ack_pending: underWay, num_pending: waiting } = info;
  const actor = actorOf(name);
  const start = `start one: \`nightshift actor ${actor}\``;
  if (askers === 0 && underWay === 0) {
    const sentence = `no ${actor} takes from the consumer ${name}`;
    return waiting > 0
      ? [error('consumer.idle', `${sentence}, and ${waiting} messages wait there`, start)]
      : [warning('consumer.idle', sentence, start)];
  }
  if (waiting <= BACKLOG_MAX) return [];
  return [warning('consumer.lag', `${waiting} messages wait at the consumer ${name}`, `start another ${actor}`)];
}

function handled(name: string, most: number, info: ConsumerInfo): Finding[] {
  const { num_ack_pending: underWay, num_redelivered: again } = info;
  const found: Finding[] = [];
  const actor = actorOf(name);
  if (again > 0) {
    const sentence = `${again} messages of the consumer ${name} were delivered more than once and are not done`;
    found.push(
      warning('consumer.again', sentence, `look into the log of the ${actor}; \`nightshift dlq\` lists those given up`),
    );
  }
  if (most > 1 && underWay >= most * NEARLY_FULL) {
    const sentence = `${underWay} of ${most} messages of the consumer ${name} are under way, and it hands out no more`;
    found.push(warning('consumer.full', sentence, `start another ${actor}, or end one that hangs`));
  }
  return found;
}
