/** A disk that has changed one bit: in one of the files in which a nats-server keeps messages, while it is away. */
import { closeSync, openSync, readdirSync, readSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Throws if nothing is stored. `random` chooses the file and the bit. */
export function flipBit(store: string, random: () => number): void {
  const files = readdirSync(store, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.blk'))
    .map((name) => join(store, name))
    .filter((file) => statSync(file).size > 0)
    .sort();
  const file = files[Math.floor(random() * files.length)];
  if (file === undefined) throw new Error(`no messages are stored in ${store}`);
  const byte = Buffer.alloc(1);
  const at = Math.floor(random() * statSync(file).size);
  const opened = openSync(file, 'r+');
  readSync(opened, byte, 0, 1, at);
  byte[0]! ^= 1 << Math.floor(random() * 8);
  writeSync(opened, byte, 0, 1, at);
  closeSync(opened);
}
