/**
 * Room and time limits that are not of a stream: the storage of the JetStream account, the disk of the server that runs
 * here, and the certificates in nats.tls. Called by cli/commands/doctor.ts.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import type { NatsConnection } from '@nats-io/nats-core';
import type { NatsConfig } from '../config/nats.ts';
import { wireManagerOf } from '../messaging/jetstream.ts';
import { error, NEARLY_FULL, unread, warning, type Finding } from './finding.ts';
import { look } from './look.ts';

const MIB = 1024 * 1024;
/** A model and its copies; below it a night fails. */
const ROOM_BYTES_MIN = 64 * MIB;
/** A snapshot of some size, and what is spooled of it. */
const ROOM_BYTES_WISHED = 1024 * MIB;
/** Enough to order a new one on a working day. */
const EXPIRES_SOON_MS = 14 * 24 * 3600_000;
const ANSWER_MS = 3_000;

export const RIGHTS_MISSING = unread(
  'jetstream.rights',
  'this login may not ask JetStream for its limits, streams and consumers',
  'log in as operator to have them examined',
);

export async function examineAccount(nc: NatsConnection): Promise<readonly Finding[]> {
  const manager = await wireManagerOf(nc, { timeout: ANSWER_MS });
  const seen = await look(() => manager.getAccountInfo());
  if (seen.kind === 'denied') return [RIGHTS_MISSING];
  if (seen.kind !== 'there') {
    const why = seen.kind === 'silent' ? seen.why : 'it is not there';
    return [error('jetstream.silent', `JetStream does not answer: ${why}`, 'look at the servers of the cluster')];
  }
  const { storage, reserved_storage: reserved, limits, streams, consumers } = seen.info;
  return [
    ...share('bytes on disk', Math.max(storage, reserved), limits.max_storage),
    ...share('streams', streams, limits.max_streams),
    ...share('consumers', consumers, limits.max_consumers),
  ];
}

/** The server writes 0 or -1 for no limit. */
function share(what: string, now: number, most: number): Finding[] {
  if (most <= 0 || now < most * NEARLY_FULL) return [];
  const sentence = `of ${most} ${what} that the account may have, ${now} are taken`;
  return [(now >= most ? error : warning)('account.full', sentence, 'raise the limit of the account')];
}

/** `storeDir`: of a server on this machine. */
export async function examineDisk(storeDir: string): Promise<readonly Finding[]> {
  const { bavail, bsize } = await statfs(storeDir);
  const bytes = bavail * bsize;
  if (bytes >= ROOM_BYTES_WISHED) return [];
  const sentence = `${Math.floor(bytes / MIB)} MiB are free where nats-server stores (${storeDir})`;
  return [(bytes < ROOM_BYTES_MIN ? error : warning)('disk.full', sentence, 'free some space, or move nats.storeDir')];
}

export const certificateFindings = ({ tls }: Pick<NatsConfig, 'tls'>, nowMs: number): readonly Finding[] =>
  ([tls?.ca, tls?.cert] as const)
    .filter((file) => file !== undefined)
    .flatMap((file) => certificatesIn(file).flatMap((it) => (typeof it === 'string' ? expiry(file, it, nowMs) : [it])));

const BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** The end of each, as the certificate writes it. */
function certificatesIn(file: string): readonly (string | Finding)[] {
  try {
    const blocks = readFileSync(file, 'utf8').match(BLOCK) ?? [];
    if (blocks.length === 0) return [error('certificate.none', `${file} holds no certificate`, 'name a file in PEM')];
    return blocks.map((block) => new X509Certificate(block).validTo);
  } catch (cause) {
    const sentence = `the certificate ${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`;
    return [error('certificate.none', sentence, 'see that the file is there, in PEM, and readable for this user')];
  }
}

function expiry(file: string, validTo: string, nowMs: number): Finding[] {
  const leftMs = Date.parse(validTo) - nowMs;
  if (leftMs > EXPIRES_SOON_MS) return [];
  const mend = 'put a new one into the same file; it counts from the next connection on';
  return leftMs <= 0
    ? [error('certificate.expired', `a certificate in ${file} expired at ${validTo}`, mend)]
    : [warning('certificate.expires', `a certificate in ${file} expires at ${validTo}`, mend)];
}
