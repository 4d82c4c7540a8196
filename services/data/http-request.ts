/**
 * The login of a request to a data service, with the secrets that its configuration names: headers, parameters and
 * certificates; and the address as it may be shown, without what could be one. Called by http-ask.ts.
 */
import { readFileSync } from 'node:fs';
import type { TlsConfig } from '../../contracts/configuration/sources.ts';
import type { Secret, TextOrSecret } from '../../contracts/secret.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { readOne, readValues } from '../secrets.ts';
import type { TlsTexts } from './http-get.ts';

export interface HttpAccess {
  readonly name: string;
  readonly url: string;
  readonly bearer?: Secret | undefined;
  readonly headers?: Readonly<Record<string, TextOrSecret>> | undefined;
  readonly query?: Readonly<Record<string, TextOrSecret>> | undefined;
  readonly tls?: TlsConfig | undefined;
}

/** All that HTTP allows in a header (RFC 9110, 5.5). The runtime's own error would quote the value. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Read anew for each request: a secret that was exchanged meanwhile counts. Throws CONFIG_INVALID. */
export function accessOf(access: HttpAccess): {
  readonly headers: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
} {
  const source = `source "${access.name}"`;
  const { values: query } = readValues(`${source}: query`, access.query);
  const { values: given } = readValues(`${source}: headers`, access.headers);
  const bearer = access.bearer && readOne(`${source}: bearer`, access.bearer);
  const headers = { ...given, ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }) };
  const broken = Object.entries(headers).find(([, value]) => !HEADER_VALUE.test(value));
  if (broken === undefined) return { headers, query };
  const message = `${source}: the value of the header ${broken[0]} has characters that no header may have`;
  throw new PipelineError('CONFIG_INVALID', message);
}

/** Read anew for each reading of a source. Throws CONFIG_INVALID. */
export function tlsOf({ name, tls = {} }: HttpAccess): TlsTexts {
  const texts = Object.entries(tls).map(([part, place]) => [part, pemOf(`source "${name}": tls.${part}`, place)]);
  return Object.fromEntries(texts) as TlsTexts; // The same parts.
}

/** A path is written as a text: a list of authorities is longer than any secret. */
function pemOf(setting: string, place: string | Secret | undefined): string | undefined {
  if (typeof place !== 'string') return place && readOne(setting, place);
  try {
    return readFileSync(place, 'utf8');
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    throw new PipelineError('CONFIG_INVALID', `${setting}: the file ${place} cannot be read (${code})`, { cause });
  }
}

/** Scheme, host and port: a token may stand in each other part of an address. */
export const shownUrl = (text: string): string => new URL(text).origin;
