/**
 * The deployment records as the orchestrator keeps them where releases are signed: each revision sealed upon the one
 * before. A revision that somebody else wrote, or that is damaged, is passed over: the newest sealed one counts, and the
 * next change is put over the false one. Where nobody signs, the records are as they lie in the store.
 */
import { PipelineError, toFailure, type Failure } from '../../contracts/errors.ts';
import type { Deployment } from '../../contracts/release.ts';
import type { Trust } from '../../contracts/signing.ts';
import type { RecordStore, Stored } from '../../infra/stores/record-store.ts';
import type { Logger } from '../../runtime/logger.ts';
import { checkSeal, sealed, textOf, type Link } from '../../services/signing/seal.ts';
import { demanded, ownKey, type Signing } from '../../services/signing/signing.ts';

export interface SealedDeploymentsOptions {
  readonly store: RecordStore<Deployment>;
  readonly signing: Signing;
  readonly log: Logger;
}

/** The newest revision of a model that was found in order. */
interface Head {
  readonly stored: Stored<Deployment>;
  readonly link: Link;
}

interface Chain {
  /** By model. */
  readonly heads: Map<string, Head>;
  /** Revisions that an alarm was raised for: each once. */
  readonly told: Set<number>;
}

/** Throws CONFIG_INVALID without a key that others demand. */
export function sealDeployments(options: SealedDeploymentsOptions): RecordStore<Deployment> {
  const { store, signing } = options;
  const chain: Chain = { heads: new Map(), told: new Set() };
  ownKey(signing, 'orchestrator');
  return {
    ...store,
    load: (model) => {
      const trust = demanded(signing, 'orchestrator');
      return trust ? load(options, chain, trust, model) : store.load(model);
    },
    save: async (model, record, expectedRevision) => {
      const trust = demanded(signing, 'orchestrator');
      const key = trust && ownKey(signing, 'orchestrator');
      if (!key) return store.save(model, record, expectedRevision);
      if (expectedRevision > 0 && !chain.heads.has(model)) await load(options, chain, trust, model);
      // A head of another revision means that somebody saved meanwhile, which the store will say.
      const next = sealed(record, chain.heads.get(model)?.link ?? null, key);
      const text = textOf(next);
      const link = checkSeal(text, model, trust);
      const revision = await store.save(model, next, expectedRevision);
      chain.heads.set(model, { stored: { key: model, value: next, text, revision, savedAt: new Date() }, link });
      return revision;
    },
  };
}

async function load(options: SealedDeploymentsOptions, chain: Chain, trust: Trust, model: string) {
  const head = chain.heads.get(model);
  const stored = await options.store.load(model).catch(unlessDamaged);
  if (stored === null) return null;
  if (stored === DAMAGED || !head) return newestInOrder(options, chain, trust, model);
  if (stored.revision === head.stored.revision) return head.stored;
  const next = headOf(stored, trust);
  // With nothing to compare its number with, or a lower one, the revisions that are kept have to tell.
  if ('code' in next || next.link.number <= head.link.number) return newestInOrder(options, chain, trust, model);
  chain.heads.set(model, next);
  return stored;
}

/** The revision in order with the highest number. Throws RECORD_LOST if none is. */
async function newestInOrder({ store, log }: SealedDeploymentsOptions, chain: Chain, trust: Trust, model: string) {
  const revisions = await store.revisions(model);
  const looked = revisions.map(({ revision, stored }) => ({
    revision,
    head: 'code' in stored ? stored : headOf(stored, trust),
  }));
  const last = looked.at(-1);
  if (!last) return null;
  const heads = [chain.heads.get(model), ...looked.map(({ head }) => head)].filter(isHead);
  const best = heads.reduce<Head | null>((a, b) => (a && a.link.number > b.link.number ? a : b), null);
  const why = isHead(last.head) ? `its number is ${last.head.link.number}` : (last.head?.message ?? '');
  if (!best) throw lost(model, why);
  chain.heads.set(model, best);
  if (best.stored.revision === last.revision) return best.stored;
  if (!chain.told.has(last.revision)) {
    chain.told.add(last.revision);
    const fields = { model, revision: last.revision, counts: best.stored.revision, why };
    log.error(fields, 'orchestrator: ALARM: the newest deployment record is refused; an earlier one counts');
  }
  return { ...best.stored, revision: last.revision };
}

const isHead = (it: Head | Failure | undefined): it is Head => it !== undefined && 'link' in it;

const lost = (model: string, why: string) =>
  new PipelineError(
    'RECORD_LOST',
    `model ${model}: no revision of the deployment record is in order (${why}); docs/signed-releases.md says how to restore it`,
  );

function headOf(stored: Stored<Deployment>, trust: Trust): Head | Failure {
  try {
    return { stored, link: checkSeal(stored.text, stored.key, trust) };
  } catch (error) {
    return toFailure(error);
  }
}

const DAMAGED = 'damaged';

function unlessDamaged(error: unknown): typeof DAMAGED {
  if (toFailure(error).code === 'RECORD_DAMAGED') return DAMAGED;
  throw error;
}
