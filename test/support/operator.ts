/**
 * A server in operator mode for tests: an operator, an account with JetStream and one without, and creds of users, as
 * `nsc` makes them. The tokens are made by @nats-io/jwt.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeAccount, encodeOperator, encodeUser, fmtCreds } from '@nats-io/jwt';
import { nkeys } from '@nats-io/nats-core';

export interface Operator {
  /** For the server's configuration. */
  readonly settings: string;
  /** Writes a `.creds` file into the folder and returns its path. `expires`: seconds since 1970. */
  creds(file: string, options?: { account?: 'faces' | 'bare'; expires?: number }): Promise<string>;
}

const GIB = 1024 ** 3;

/** `diskBytes`: how much the account with JetStream may store. */
export async function makeOperator(folder: string, { diskBytes = 8 * GIB } = {}): Promise<Operator> {
  const operatorKey = nkeys.createOperator();
  const operator = await encodeOperator('tests', operatorKey);
  const system = await accountOf('SYS', {});
  const accounts = {
    faces: await accountOf('FACES', { disk_storage: diskBytes, mem_storage: 0, streams: 30, consumer: 200 }),
    bare: await accountOf('BARE', {}),
  };
  const all = [system, accounts.faces, accounts.bare];
  return {
    settings: [
      `operator: ${operator}`,
      `system_account: ${system.key.getPublicKey()}`,
      'resolver: MEMORY',
      `resolver_preload { ${all.map(({ key, jwt }) => `${key.getPublicKey()}: ${jwt}`).join('\n')} }`,
    ].join('\n'),
    creds: async (file, { account = 'faces', expires } = {}) => {
      const user = nkeys.createUser();
      const validity = expires === undefined ? {} : { exp: expires };
      const jwt = await encodeUser(file, user, accounts[account].key, {}, validity);
      const path = join(folder, `${file}.creds`);
      writeFileSync(path, fmtCreds(jwt, user), { mode: 0o600 });
      return path;
    },
  };

  async function accountOf(name: string, jetstream: Readonly<Record<string, number>>) {
    const key = nkeys.createAccount();
    const limits = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, conn: -1, leaf: -1, ...jetstream };
    return { key, jwt: await encodeAccount(name, key, { limits }, { signer: operatorKey }) };
  }
}
