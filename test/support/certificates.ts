/**
 * Certificates for tests of TLS, made here: node:crypto has keys and signatures, but writes no X.509. This writes as much of
 * it as a chain of one CA needs (RFC 5280, in DER), and nothing more.
 */
import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { join } from 'node:path';

export interface Certificate {
  /** Path of the PEM. */
  readonly cert: string;
  readonly key: string;
}

export interface Authority extends Certificate {
  /** Issues a certificate for hosts (names or IPv4 addresses), valid from yesterday on for `days`. */
  issue(name: string, hosts?: readonly string[], days?: number): Certificate;
}

/** Writes its files, and those of what it issues, into the folder. */
export function makeAuthority(folder: string, name: string): Authority {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const write = (file: string, subject: Subject, own: Keys): Certificate => {
    const [cert, key] = [join(folder, `${file}.pem`), join(folder, `${file}.key`)];
    writeFileSync(cert, certificateOf(subject, own.publicKey, name, keys.privateKey));
    writeFileSync(key, own.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    return { cert, key };
  };
  return {
    ...write(name, { name, hosts: [], days: 1, isAuthority: true }, keys),
    issue: (subject, hosts = [], days = 1) =>
      write(`${name}-${subject}`, { name: subject, hosts, days, isAuthority: false }, newKeys()),
  };
}

interface Keys {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

interface Subject {
  readonly name: string;
  readonly hosts: readonly string[];
  readonly days: number;
  readonly isAuthority: boolean;
}

const newKeys = (): Keys => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const DAY_MS = 24 * 3600_000;

const OID = {
  commonName: '550403',
  basicConstraints: '551d13',
  subjectAltName: '551d11',
  ecdsaWithSha256: '2a8648ce3d040302',
} as const;

function certificateOf(subject: Subject, publicKey: KeyObject, issuer: string, issuerKey: KeyObject): string {
  const now = Date.now();
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const body = sequence(
    der(0xa0, integer(Buffer.from([2]))), // Version 3.
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    nameOf(issuer),
    sequence(time(new Date(now - DAY_MS)), time(new Date(now + (subject.days - 1) * DAY_MS + DAY_MS / 2))),
    nameOf(subject.name),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensionsOf(subject))),
  );
  const signature = sign('sha256', body, issuerKey);
  const whole = sequence(body, algorithm, bits(signature));
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

function extensionsOf({ hosts, isAuthority }: Subject): Buffer[] {
  const constraints = extension(
    OID.basicConstraints,
    sequence(...(isAuthority ? [der(0x01, Buffer.from([0xff]))] : [])),
  );
  const names = hosts.map((host) =>
    isIPv4(host) ? der(0x87, Buffer.from(host.split('.').map(Number))) : der(0x82, Buffer.from(host)),
  );
  return names.length === 0 ? [constraints] : [constraints, extension(OID.subjectAltName, sequence(...names))];
}

const extension = (id: string, value: Buffer) => sequence(oid(id), der(0x04, value));
const nameOf = (name: string) => sequence(der(0x31, sequence(oid(OID.commonName), der(0x0c, Buffer.from(name)))));
const sequence = (...parts: Buffer[]) => der(0x30, Buffer.concat(parts));
const integer = (value: Buffer) => der(0x02, value);
const oid = (hex: string) => der(0x06, Buffer.from(hex, 'hex'));
const bits = (value: Buffer) => der(0x03, Buffer.concat([Buffer.from([0]), value]));
/** UTCTime, to the second. */
const time = (at: Date) => der(0x17, Buffer.from(`${at.toISOString().slice(2, 19).replaceAll(/[-T:]/g, '')}Z`));

function der(tag: number, value: Buffer): Buffer {
  if (value.length < 0x80) return Buffer.concat([Buffer.from([tag, value.length]), value]);
  const size = value.length.toString(16);
  const length = Buffer.from(size.padStart(size.length + (size.length % 2), '0'), 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, value]);
}
