/**
 * What can be known at the start about whether an actor will be able to work: each finding with its way out, and all of
 * them at once. It changes nothing and throws nothing; the caller decides what a finding means. Called by main.ts.
 */
import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Role } from '../../contracts/roles.ts';
import { STREAMS } from '../../contracts/subjects.ts';
import { neededBy, PERMISSIONS } from '../access/permissions.ts';
import { isAtLeast, SERVER_VERSION_MIN } from '../messaging/connection.ts';
import { unlessDenied } from '../messaging/denial.ts';
import { managerOf, wireManagerOf, type Manager } from '../messaging/jetstream.ts';
import { HEADER_BYTES_MAX, MESSAGE_BYTES_MAX } from '../messaging/publish.ts';
import { lackingFor } from '../topology/await-topology.ts';
import { roomOf } from './account.ts';

/** Codes for scripts: they stay as they are. */
export const FINDINGS = [
  'server.version',
  'jetstream.off',
  'jetstream.silent',
  'account.bytes',
  'account.streams',
  'account.consumers',
  'payload.messages',
  'payload.images',
  'role.rights',
  'topology.missing',
  'clock.offset',
  'disk.full',
] as const;

export interface Finding {
  readonly id: (typeof FINDINGS)[number];
  /** `error`: it cannot work so. `warning`: it works, and something will not. */
  readonly severity: 'error' | 'warning';
  readonly sentence: string;
  /** How to mend it, as a command or in words. */
  readonly mend: string;
}

export interface PreflightOptions {
  readonly role: Role;
  /** Copies of every stream, `nats.replicas`. */
  readonly copies: number;
  /** The largest image that a client may send to a replica. */
  readonly imageBytesMax: number;
  /** Folders in which this process writes, beside the temporary one. */
  readonly folders: readonly string[];
  readonly now: () => number;
}

/** A full account refuses whatever comes next; with less than a tenth left a large snapshot may not fit. */
const TAKEN_SHARE_MAX = 0.9;
/** Logs of two machines cannot be compared, certificates of a minute ago are "not valid yet". */
const OFFSET_MAX_MS = 2_000;
const MIB = 1024 * 1024;
/** A model and its copies. */
const ROOM_BYTES_MIN = 64 * MIB;
/** A snapshot and its spool. */
const ROOM_BYTES_WISHED = 1024 * MIB;
const ANSWER_MS = 3_000;

type Check = (nc: NatsConnection, options: PreflightOptions) => Promise<readonly Finding[]>;

export async function preflight(nc: NatsConnection, options: PreflightOptions): Promise<readonly Finding[]> {
  const found = await Promise.all(CHECKS.map((check) => check(nc, options)));
  return found.flat();
}

const CHECKS: readonly Check[] = [checkVersion, checkAccount, checkPayload, checkTopology, checkClock, checkDisk];

async function checkVersion(nc: NatsConnection): Promise<Finding[]> {
  const version = nc.info?.version ?? 'unknown';
  if (isAtLeast(version, SERVER_VERSION_MIN)) return [];
  const mend = `install nats-server ${SERVER_VERSION_MIN} or newer`;
  return [error('server.version', `nats-server is version ${version}`, mend)];
}

async function checkAccount(nc: NatsConnection, { copies }: PreflightOptions): Promise<Finding[]> {
  try {
    const room = await roomOf(await wireManagerOf(nc, { timeout: ANSWER_MS }), copies);
    return [
      ...taken('account.bytes', 'bytes on disk', room.bytesTaken, room.bytesMax),
      ...taken('account.streams', 'streams', room.streams, room.streamsMax),
      ...taken('account.consumers', 'consumers', room.consumers, room.consumersMax),
    ];
  } catch (cause) {
    // The client does not export the class.
    return (cause as Error).name === 'JetStreamNotEnabled'
      ? [
          error(
            'jetstream.off',
            'JetStream is off for this account',
            'enable it at the server (-js, or for the account)',
          ),
        ]
      : [
          error(
            'jetstream.silent',
            `JetStream does not answer: ${String(cause)}`,
            'look at the servers of the cluster',
          ),
        ];
  }
}

function taken(id: Finding['id'], what: string, now: number, max: number | null): Finding[] {
  if (max === null || now < max * TAKEN_SHARE_MAX) return [];
  const sentence = `of ${max} ${what} that the account may have, ${now} are taken`;
  return [(now >= max ? error : warning)(id, sentence, 'raise the limit of the account, or let something go')];
}

async function checkPayload(nc: NatsConnection, { imageBytesMax }: PreflightOptions): Promise<Finding[]> {
  const most = nc.info?.max_payload ?? 0;
  const own = MESSAGE_BYTES_MAX + HEADER_BYTES_MAX;
  const mend = (bytes: number) => `set max_payload at the server to ${bytes} or more`;
  if (most < own) {
    return [
      error('payload.messages', `nats-server takes ${most} bytes at once, commands have up to ${own}`, mend(own)),
    ];
  }
  const wished = imageBytesMax + HEADER_BYTES_MAX;
  if (most >= wished) return [];
  const sentence = `nats-server takes ${most} bytes at once, so images above that never reach a replica, which takes ${imageBytesMax}`;
  return [warning('payload.images', sentence, mend(wished))];
}

async function checkTopology(nc: NatsConnection, { role }: PreflightOptions): Promise<Finding[]> {
  try {
    const { absent, old } = await lackingFor(nc, role);
    const found = [...absent.map((it) => `there is no ${it}`), ...old];
    return found.map((it) => error('topology.missing', it, 'run `nightshift setup`'));
  } catch (cause) {
    const denied = unlessDenied(cause, nc);
    // Silence is what checkAccount reports.
    if (denied === cause) return [];
    const mend = `give the login of ${role} the rights that \`nightshift auth export\` prints`;
    return [error('role.rights', (denied as Error).message, mend)];
  }
}

/** The server writes its time into some answers; the trip there and back bounds how well it is known. */
async function checkClock(nc: NatsConnection, { role, now }: PreflightOptions): Promise<Finding[]> {
  const manager = await managerOf(nc, { timeout: ANSWER_MS });
  const askedAt = now();
  // Without an answer there is no clock to compare with; checkAccount reports that.
  const ts = await serverTime(manager, role).catch(() => undefined);
  if (ts === undefined) return [];
  const tripMs = now() - askedAt;
  const offsetMs = Math.round(Date.parse(ts) - (askedAt + tripMs / 2));
  if (Math.abs(offsetMs) <= OFFSET_MAX_MS + tripMs) return [];
  const [ahead, seconds] = [offsetMs < 0 ? 'ahead of' : 'behind', Math.abs(offsetMs) / 1000];
  const sentence = `the clock of this machine is ${seconds} s ${ahead} that of nats-server`;
  return [warning('clock.offset', sentence, 'let both take their time from NTP (timedatectl, chrony)')];
}

async function serverTime(manager: Manager, role: Role): Promise<string | undefined> {
  const [consumer] = neededBy(role).consumers;
  if (consumer) return (await manager.consumers.info(consumer.stream, consumer.name)).ts;
  const stream = [STREAMS.enrolments, STREAMS.timers].find((it) =>
    PERMISSIONS[role].publish.includes(`$JS.API.STREAM.INFO.${it}`),
  );
  return stream === undefined ? undefined : (await manager.streams.info(stream)).ts;
}

async function checkDisk(_: NatsConnection, { folders }: PreflightOptions): Promise<Finding[]> {
  const looks = await Promise.all([...new Set([tmpdir(), ...folders])].map(lookAtDisk));
  return looks.filter((it) => it !== null);
}

async function lookAtDisk(folder: string): Promise<Finding | null> {
  const { bavail, bsize } = await statfs(folder);
  const bytes = bavail * bsize;
  if (bytes >= ROOM_BYTES_WISHED) return null;
  const sentence = `${Math.floor(bytes / MIB)} MiB are free in ${folder}`;
  const mend = 'free some space, or choose another folder (TMPDIR, nats.storeDir)';
  return (bytes < ROOM_BYTES_MIN ? error : warning)('disk.full', sentence, mend);
}

const error = (id: Finding['id'], sentence: string, mend: string): Finding => ({
  id,
  severity: 'error',
  sentence,
  mend,
});
const warning = (id: Finding['id'], sentence: string, mend: string): Finding => ({
  id,
  severity: 'warning',
  sentence,
  mend,
});
