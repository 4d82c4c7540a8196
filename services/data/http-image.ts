/**
 * The image of an entry: base64 or a data URI in the page itself, or fetched from its address. The login goes to the
 * origin of the source alone, and no other origin is asked unless the local file lists it. Called by http-source.ts.
 */
import { PHOTOGRAPHS_DEFAULT, type PhotographsConfig } from '../../contracts/configuration/sources.ts';
import { Refused, type Ask } from './http-ask.ts';
import { fetchKept, findKept } from './http-kept.ts';
import type { Entry } from './http-page.ts';
import type { SourceCache } from './source-cache.ts';
import type { SourceFault, SourceSample } from './strategy.ts';

export interface ImageOptions {
  readonly url: string;
  readonly imageOrigins?: readonly string[] | undefined;
  readonly photographs?: Pick<PhotographsConfig, 'bytesMax'> | undefined;
}

export interface ImageMeans {
  readonly ask: Ask;
  readonly cache: SourceCache | undefined;
  readonly signal: AbortSignal;
  /** The service has said that the sample did not change: what is kept of it is not asked for again. */
  readonly isUnchanged?: boolean;
}

/** Throws what `ask` throws if the service itself is away; anything about this image alone is a fault. */
export async function sampleOf(
  entry: Entry,
  options: ImageOptions,
  means: ImageMeans,
): Promise<SourceSample | SourceFault> {
  const { id, label, image, imageUrl, tags } = entry;
  const fault = (why: string): SourceFault => ({ id, label, fault: 'unavailable', message: `${id}: ${why}` });
  if (imageUrl === undefined) {
    const bytes = inline(image ?? '');
    return bytes === null ? fault('its data URI cannot be read') : { id, label, bytes, tags };
  }
  const address = addressOf(imageUrl, options);
  if (typeof address === 'string') return fault(address);
  try {
    return { id, label, bytes: await fetched(address, entry, options, means), tags };
  } catch (error) {
    if (error instanceof Refused) return fault(error.message);
    throw error;
  }
}

const DATA_URI = /^data:[^,;]*(?<parameters>(?:;[^,;]*)*),/;

function inline(image: string): Buffer | null {
  if (!image.startsWith('data:')) return Buffer.from(image, 'base64');
  const found = DATA_URI.exec(image);
  if (!found) return null;
  const data = image.slice(found[0].length);
  if (found.groups!['parameters']!.endsWith(';base64')) return Buffer.from(data, 'base64'); // The group is in it.
  const byte = (_: string, hex: string) => String.fromCharCode(Number.parseInt(hex, 16));
  return Buffer.from(data.replaceAll(/%([0-9a-f]{2})/gi, byte), 'latin1');
}

/** Or why it is not asked. It may be relative to the page. */
function addressOf(imageUrl: string, { url, imageOrigins = [] }: ImageOptions): URL | string {
  if (!URL.canParse(imageUrl, url)) return 'its imageUrl is no address';
  const address = new URL(imageUrl, url);
  if (address.protocol === 'data:') return 'its imageUrl is a data URI, which stands in `image`';
  if (address.origin === 'null') return `its imageUrl has the scheme ${address.protocol} and is not asked`;
  const origins = [new URL(url).origin, ...imageOrigins.map((origin) => new URL(origin).origin)];
  if (!origins.includes(address.origin))
    return `its imageUrl leads to ${address.origin}, which is not among the imageOrigins of the source`;
  return address.username + address.password === '' ? address : 'its imageUrl has a user or a password in it';
}

async function fetched(url: URL, { id, label }: Entry, options: ImageOptions, means: ImageMeans) {
  const { ask, cache, signal, isUnchanged = false } = means;
  const kept = isUnchanged ? await findKept(cache, url.href) : null;
  if (kept) return kept.body;
  const { bytesMax } = options.photographs ?? PHOTOGRAPHS_DEFAULT;
  const question = { what: `the image of ${id}`, url, bytesMax };
  const { body } = await fetchKept({ ask, cache, signal }, question, url.href, () => [label]);
  return body;
}
