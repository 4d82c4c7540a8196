/**
 * The address and the headers of a request to a data service, with the secrets that its configuration names; and the
 * address as it may be shown, without what could be one. Called by http-source.ts.
 */
import type { Secret, TextOrSecret } from '../../contracts/secret.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { readOne, readValues } from '../secrets.ts';

export interface HttpAccess {
  readonly name: string;
  readonly url: string;
  readonly bearer?: Secret | undefined;
  readonly headers?: Readonly<Record<string, TextOrSecret>> | undefined;
  readonly query?: Readonly<Record<string, TextOrSecret>> | undefined;
}

/** All that HTTP allows in a header (RFC 9110, 5.5). The runtime's own error would quote the value. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Read anew for each page: a secret that was exchanged meanwhile counts. Throws CONFIG_INVALID. */
export function accessOf(access: HttpAccess): {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
} {
  const source = `source "${access.name}"`;
  const url = new URL(access.url);
  const { values: query } = readValues(`${source}: query`, access.query);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const { values: given } = readValues(`${source}: headers`, access.headers);
  const bearer = access.bearer && readOne(`${source}: bearer`, access.bearer);
  const headers = { ...given, ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }) };
  const broken = Object.entries(headers).find(([, value]) => !HEADER_VALUE.test(value));
  if (broken === undefined) return { url, headers };
  const message = `${source}: the value of the header ${broken[0]} has characters that no header may have`;
  throw new PipelineError('CONFIG_INVALID', message);
}

/** Scheme, host and port: a token may stand in each other part of an address. */
export const shownUrl = (text: string): string => new URL(text).origin;
