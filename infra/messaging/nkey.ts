/**
 * The nkey of a user by the cryptography of Node: public key and signature take a tenth of a millisecond, where the
 * package's own JavaScript takes some ten in a process that has just started, and a start makes a dozen connections.
 * Form: https://github.com/nats-io/nats-architecture-and-design (ADR-14). Called by login.ts and access/keys.ts.
 */
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';

export interface UserKey {
  /** Begins with U. */
  readonly publicKey: string;
  /** Of the server's nonce, in base64. */
  sign(nonce: string): string;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const SEED_PREFIX = 18 << 3;
const USER_PREFIX = 20 << 3;
const KEY_BYTES = 32;
const CHECKSUM_BYTES = 2;
/** Of an Ed25519 key in PKCS #8 (RFC 8410), before its 32 bytes. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Throws if it is not the seed of a user; the message never has the seed. */
export function userKeyOf(seed: string): UserKey {
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, decodeSeed(seed)]),
    format: 'der',
    type: 'pkcs8',
  });
  const publicBytes = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-KEY_BYTES);
  return {
    publicKey: toBase32(withChecksum(Buffer.concat([Buffer.of(USER_PREFIX), publicBytes]))),
    sign: (nonce) => sign(null, Buffer.from(nonce), key).toString('base64'),
  };
}

/** The two prefixes share the first two bytes, so that both can be read in the text. */
function decodeSeed(seed: string): Buffer {
  const raw = fromBase32(seed);
  const payload = raw.subarray(0, -CHECKSUM_BYTES);
  const [first = 0, second = 0] = payload;
  const isSeed = (first & 0xf8) === SEED_PREFIX && (((first & 7) << 5) | (second >> 3)) === USER_PREFIX;
  if (!isSeed || payload.length !== KEY_BYTES + 2 || !withChecksum(payload).equals(raw)) {
    throw new Error('not the seed of a user');
  }
  return payload.subarray(2);
}

/** CRC-16 of XMODEM, low byte first. */
function withChecksum(bytes: Buffer): Buffer {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : crc << 1;
  }
  return Buffer.concat([bytes, Buffer.of(crc & 0xff, crc >> 8)]);
}

function toBase32(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const groups = bits.match(/.{1,5}/g) ?? [];
  return groups.map((group) => ALPHABET[Number.parseInt(group.padEnd(5, '0'), 2)]).join('');
}

function fromBase32(text: string): Buffer {
  const bits = Array.from(text, (letter) => ALPHABET.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const bytes = bits.match(/.{8}/g) ?? [];
  return Buffer.from(bytes.map((byte) => Number.parseInt(byte, 2)));
}
