/**
 * The ends of the certificates in nats.tls, those of the authority included. The server's own is not among them: a login
 * that fails names it. Called by cli/commands/doctor.ts.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { NatsConfig } from '../config/nats.ts';
import { error, warning, type Finding } from './finding.ts';

/** Enough to order a new one on a working day. */
const EXPIRES_SOON_MS = 14 * 24 * 3600_000;

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

export interface CertificateEnd {
  readonly file: string;
  readonly endsAtMs: number;
}

/** When the first certificate of each file ends. A file that cannot be read is a finding, and none of these. */
export const certificateEnds = (files: readonly (string | undefined)[]): readonly CertificateEnd[] =>
  files
    .filter((file) => file !== undefined)
    .flatMap((file) => {
      const ends = certificatesIn(file).filter((it) => typeof it === 'string');
      return ends.length === 0 ? [] : [{ file, endsAtMs: Math.min(...ends.map((it) => Date.parse(it))) }];
    });
