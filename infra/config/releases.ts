/**
 * The section `releases` of the configuration: where this machine's signing keys and its list of trusted keys lie. They
 * are files of their own, so that a message can change neither. services/signing/ reads them.
 */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import type { NatsConfig } from './nats.ts';

export const ReleasesConfigSchema = z
  .strictObject({
    keysDir: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Folder with the signing keys of this machine. Absent: `keys` in `nats.storeDir`, made at the first start; of a server that runs already: none, and nothing is signed.',
      ),
    trust: z
      .string()
      .min(1)
      .optional()
      .describe('List of the keys that are believed. Absent: `trust.json` in `keysDir`. `nightshift keys` writes it.'),
    stateDir: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Folder in which replicas note the highest record that they have obeyed. Absent: `served` in `nats.storeDir`.',
      ),
  })
  .describe('Signatures of releases.');
export type ReleasesConfig = z.infer<typeof ReleasesConfigSchema>;

/** Paths in a configuration file are relative to it. */
export const withPathsFrom = (folder: string, releases: ReleasesConfig): ReleasesConfig =>
  Object.fromEntries(Object.entries(releases).map(([name, path]) => [name, path && resolve(folder, path)]));

export interface ReleaseFiles {
  readonly keysDir: string | undefined;
  readonly trustFile: string;
  readonly stateDir: string;
}

export type OwnFiles = ReleaseFiles & { readonly keysDir: string };

/**
 * Where everything lies; null if nothing is signed: nothing is configured, and there is no server of ours whose keys
 * were made.
 */
export function releaseFiles(nats: NatsConfig, releases: ReleasesConfig): ReleaseFiles | null {
  const { keysDir, trust } = releases;
  if (keysDir === undefined && trust === undefined) {
    const own = ownFiles(nats, releases);
    return nats.url === undefined && existsSync(own.trustFile) ? own : null;
  }
  return {
    keysDir,
    trustFile: trust ?? join(keysDir!, TRUST_FILE), // One of the two is there.
    stateDir: releases.stateDir ?? servedIn(nats),
  };
}

/** Of a machine that runs the server, or where an operator sits. */
export function ownFiles(nats: NatsConfig, { keysDir, trust, stateDir }: ReleasesConfig): OwnFiles {
  const folder = keysDir ?? (trust === undefined ? join(resolve(nats.storeDir), 'keys') : dirname(trust));
  return {
    keysDir: folder,
    trustFile: trust ?? join(folder, TRUST_FILE),
    stateDir: stateDir ?? servedIn(nats),
  };
}

const TRUST_FILE = 'trust.json';
const servedIn = ({ storeDir }: NatsConfig) => join(resolve(storeDir), 'served');
