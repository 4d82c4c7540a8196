/**
 * Loads a strategy of one's own: the module that the configuration names, by its export `createStrategy`. The strategy
 * is only looked at for its methods; the conformance suites of the strategies say what they have to do.
 */
import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { OwnModule } from '../contracts/configuration/own-module.ts';
import { PipelineError } from '../contracts/errors.ts';
import { SecretSchema } from '../contracts/secret.ts';
import { readSecret } from '../runtime/secrets.ts';

/** `setting` is where the configuration names it; `about` is told to the module beside its options. Throws STRATEGY_UNAVAILABLE. */
export async function loadOwn<Strategy>(
  setting: string,
  { module, options }: OwnModule,
  methods: readonly (string & keyof Strategy)[],
  about: object = {},
): Promise<Strategy> {
  const unavailable = (problem: string, cause?: unknown) =>
    new PipelineError('STRATEGY_UNAVAILABLE', `${setting}: ${problem}`, { cause });
  if (!isAbsolute(module)) throw unavailable(`the module ${module} is not an absolute path`);
  const loaded = await load(module).catch((cause: unknown) => {
    throw unavailable(`the module ${module} cannot be loaded: ${textOf(cause)}`, cause);
  });
  const { createStrategy } = loaded;
  if (typeof createStrategy !== 'function') {
    const exported = Object.keys(loaded).join(', ') || 'nothing';
    throw unavailable(`the module ${module} exports no function createStrategy; it exports ${exported}`);
  }
  const create = async () => (await createStrategy(options, { ...about, readSecret: secretOf })) as unknown;
  const made = await create().catch((cause: unknown) => {
    throw unavailable(`createStrategy of ${module} failed: ${textOf(cause)}`, cause);
  });
  const absent = methods.filter((name) => typeof (made as Record<string, unknown> | null)?.[name] !== 'function');
  if (absent.length === 0) return made as Strategy; // Its methods are there; more cannot be seen from outside.
  throw unavailable(`createStrategy of ${module} made something without the method ${absent.join(', ')}`);
}

/** For options that say where a secret is, as settings of ours do. */
const secretOf = (place: unknown): string => readSecret(SecretSchema.parse(place));

/** The namespace of any module is an object of its exports. */
const load = (path: string) => import(pathToFileURL(path).href) as Promise<Record<string, unknown>>;

const textOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause));
