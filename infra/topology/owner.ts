/**
 * Whose a stream is: the mark in its metadata, and the version of the layout in which it was made. A stream without our mark
 * is somebody else's and never touched. Pure; read by plan.ts for `setup`, and by await-topology.ts for actors.
 */
import { PipelineError } from '../../contracts/errors.ts';

/**
 * What streams there are and how they are called. It grows when streams of the version before cannot be used as they are; a
 * new stream, or another limit, is no new layout.
 */
export const LAYOUT = 2;

const PRODUCT = 'nightshift';
const KEYS = {
  product: 'nightshift.io/product',
  namespace: 'nightshift.io/namespace',
  layout: 'nightshift.io/layout',
} as const;

export type Metadata = Readonly<Record<string, string>>;

export const markOf = (namespace: string): Metadata => ({
  [KEYS.product]: PRODUCT,
  [KEYS.namespace]: namespace,
  [KEYS.layout]: String(LAYOUT),
});

export type Ownership = 'ours' | 'older' | 'newer' | 'foreign';

/** `metadata`: of a stream under a name of ours. */
export function ownershipOf(namespace: string, metadata: Metadata = {}): Ownership {
  if (metadata[KEYS.product] !== PRODUCT || metadata[KEYS.namespace] !== namespace) return 'foreign';
  const layout = Number(metadata[KEYS.layout]);
  if (layout === LAYOUT) return 'ours';
  return layout < LAYOUT ? 'older' : 'newer';
}

export const layoutOf = (metadata: Metadata = {}): string => metadata[KEYS.layout] ?? 'unknown';

const WAYS_OUT = 'set another nats.namespace (--namespace, NIGHTSHIFT_NAMESPACE), or move or delete';

/** `streams`: wire names. */
export function foreign(namespace: string, streams: readonly string[]): PipelineError {
  const several = streams.length > 1;
  return new PipelineError(
    'STREAM_FOREIGN',
    `${several ? 'streams' : 'stream'} ${streams.join(', ')} ${several ? 'have' : 'has'} a name of ours and not the mark of Nightshift in the namespace "${namespace}", so ${several ? 'they belong' : 'it belongs'} to somebody else and nothing was changed: ${WAYS_OUT} ${several ? 'those streams' : 'that stream'}`,
  );
}

/** A stream of another name takes subjects that ours need. */
export const overlapping = (overlaps: readonly { readonly name: string; readonly subjects: readonly string[] }[]) =>
  new PipelineError(
    'STREAM_FOREIGN',
    `${overlaps.map(({ name, subjects }) => `stream ${name} takes ${subjects.join(', ')}`).join('; ')}, which Nightshift needs for itself; nothing was changed: ${WAYS_OUT} ${overlaps.length > 1 ? 'those streams' : 'that stream'}`,
  );

export const newer = (stream: string, metadata: Metadata | undefined) =>
  new PipelineError(
    'LAYOUT_UNKNOWN',
    `stream ${stream} is of layout ${layoutOf(metadata)}, and this version of Nightshift knows up to ${LAYOUT}: a newer version has set this server up; install that one here as well`,
  );
