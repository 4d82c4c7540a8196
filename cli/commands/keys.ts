/**
 * `nightshift keys`: the signing keys of this machine and the list of those that it believes. Works on files alone and asks
 * no server; other machines get the list as a copy.
 */
import { existsSync } from 'node:fs';
import { PipelineError } from '../../contracts/errors.ts';
import type { Trust, TrustedKey } from '../../contracts/signing.ts';
import { ownFiles, type OwnFiles } from '../../infra/config/releases.ts';
import { withRevoked, withRotated } from '../../services/signing/change-trust.ts';
import { namesIn, newKey, readTrust, storeKey, writeTrust } from '../../services/signing/key-folder.ts';
import type { GlobalOptions } from '../global-options.ts';
import { configOf } from '../with-client.ts';
import { timeOf } from '../time.ts';
import { createTable } from '../table.ts';

interface Output {
  readonly json?: boolean;
}

export function keysListCommand({ json }: Output, global: GlobalOptions): void {
  const files = filesOf(global);
  const trust = readTrust(files.trustFile);
  const keys = trust.keys.map((key) => ({ ...key, state: stateOf(trust, key) }));
  const { required, revoked, adopted } = trust;
  const own = namesIn(files.keysDir);
  if (json) return print({ ...files, keys, own, required, revoked, adopted });
  const table = createTable(['key', 'id', 'state', 'since', 'private half'], { drops: ['since', 'private half'] });
  for (const { name, id, state, addedAt } of keys) {
    table.push([name, id, state, timeOf(addedAt), own.includes(name) && state === 'signs' ? 'here' : '']);
  }
  const demands = `a release needs ${required.verifier} verifier(s) and ${required.operator} operator(s)`;
  const digests = revoked.digests.map((digest) => `revoked ${digest}\n`).join('');
  process.stdout.write(`${files.trustFile}: ${demands}\n${table.toString()}\n${digests}`);
}

export function keysRotateCommand(name: string, { json }: Output, global: GlobalOptions): void {
  const files = filesOf(global);
  const trust = readTrust(files.trustFile);
  const made = newKey(name, new Date());
  // Trusted before it signs, so that a crash between leaves nothing refused.
  writeTrust(files.trustFile, withRotated(trust, made.listed));
  storeKey(files.keysDir, made);
  const former = trust.keys.filter((key) => key.name === name).map(({ id }) => id);
  if (json) return print({ name, id: made.listed.id, former, trust: files.trustFile });
  const stays = former.length > 0 ? `; what ${former.join(', ')} signed stays valid` : '';
  process.stdout.write(`${name} signs with ${made.listed.id} from now on${stays}\n${COPY(files)}`);
}

export function keysRevokeCommand(what: string, { json }: Output, global: GlobalOptions): void {
  const files = filesOf(global);
  const { trust, revoked } = withRevoked(readTrust(files.trustFile), what);
  writeTrust(files.trustFile, trust);
  // A key that still signs would sign what nobody accepts.
  const signing = trust.keys
    .filter((key) => revoked.includes(key.id) && key.retiredAt === null)
    .map(({ name }) => name);
  if (json) return print({ revoked, rotate: signing, trust: files.trustFile });
  const hint = signing.map((name) => `\`nightshift keys rotate ${name}\` gives it a new key\n`).join('');
  process.stdout.write(`revoked ${revoked.join(', ')}: refused from the next load on\n${hint}${COPY(files)}`);
}

const COPY = ({ trustFile }: OwnFiles) => `other machines need a copy of ${trustFile}\n`;

const stateOf = ({ revoked }: Trust, { id, retiredAt }: TrustedKey) =>
  revoked.keys.includes(id) ? 'revoked' : retiredAt === null ? 'signs' : 'retired';

const print = (value: object): void => void process.stdout.write(`${JSON.stringify(value)}\n`);

/** Throws CONFIG_INVALID where no key was ever made. */
function filesOf(global: GlobalOptions): OwnFiles {
  const { nats, releases } = configOf(global);
  const files = ownFiles(nats, releases);
  if (existsSync(files.trustFile)) return files;
  throw new PipelineError(
    'CONFIG_INVALID',
    `there is no list of trusted keys ${files.trustFile}: \`nightshift start\` makes it at its first start; releases.trust in the configuration names another`,
  );
}
