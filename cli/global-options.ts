/** The options that every command has: the configuration file, and how to reach and log in to nats-server. */
import type { Command } from 'commander';
import type { NatsOptions } from '../infra/config/nats-layers.ts';

export interface GlobalOptions extends NatsOptions {
  /** Path of the configuration file. */
  readonly config?: string;
  /** The person in whose name commands are sent; absent: in the name of the role. */
  readonly as?: string | undefined;
}

/** Secrets are named by their file: an argument can be read by everybody on the machine. */
export const withGlobalOptions = (program: Command): Command =>
  program
    .option('--config <file>', 'configuration file (default: nightshift.config.json if it is there)')
    .option('--server <urls>', 'nats-server of a running system (default: NATS_URL, else nats://127.0.0.1:4222)')
    .option('--context <name>', 'context of the NATS CLI with server and login')
    .option('--creds <file>', 'log in with a .creds file')
    .option('--nkey <file>', 'log in with the nkey whose seed is in the file')
    .option('--user <name>', 'log in as this user')
    .option('--password-file <file>', 'file with the password of --user (default: NATS_PASSWORD)')
    .option('--token-file <file>', 'log in with the token in the file')
    .option('--tls-ca <file>', 'trust the certificates in this file')
    .option('--tls-cert <file>', 'client certificate')
    .option('--tls-key <file>', 'key of the client certificate')
    .option('--js-domain <name>', 'JetStream domain')
    .option('--namespace <name>', 'prefix of all names on the server (default: NIGHTSHIFT_NAMESPACE, else nightshift)')
    .option(
      '--as <who>',
      'send commands as this person, whose login must allow it (default: NIGHTSHIFT_AS, else the role)',
    );
