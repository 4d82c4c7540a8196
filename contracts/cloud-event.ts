/**
 * CloudEvents attributes in NATS headers, after the NATS protocol binding 1.0.3
 * (https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/nats-protocol-binding.md). Our messages are in
 * structured mode: the body is the whole event, and `content-type` says so. Its attributes stand in headers beside it, so
 * that a subscriber need not open the body. `ce-specversion` is no such header: it marks binary mode, which is read here
 * and not written. Pure; envelope.ts reads, infra/messaging/publish.ts writes.
 */

export const CONTENT_TYPE_HEADER = 'content-type';
/** In the mode that is written. */
export const STRUCTURED_TYPE = 'application/cloudevents+json; charset=utf-8';
const STRUCTURED = /^application\/cloudevents/i;
const JSON_TYPE = /^application\/json\s*(;|$)/i;

/** W3C Trace Context, under the name by which tracing tools look for it. */
export const TRACE_HEADER = 'traceparent';

/** The attributes of an event as text. */
const ATTRIBUTES = ['id', 'source', 'type', 'subject', 'time', 'traceparent'] as const;
type Attribute = (typeof ATTRIBUTES)[number];
export type EventAttributes = { readonly [A in Attribute]?: string | undefined };

export const attributeHeader = (attribute: Attribute | 'specversion' | 'datacontenttype') => `ce-${attribute}`;

/** Name -> value, beside a body that is the whole event. */
export function headersOfEvent(event: EventAttributes): Readonly<Record<string, string>> {
  const given = ATTRIBUTES.flatMap((name) => {
    const value = event[name];
    return value === undefined ? [] : [[attributeHeader(name), encoded(value)] as const];
  });
  const trace = given.flatMap(([name, value]) =>
    name === attributeHeader('traceparent') ? [[TRACE_HEADER, value]] : [],
  );
  return Object.fromEntries([[CONTENT_TYPE_HEADER, STRUCTURED_TYPE], ...given, ...trace]);
}

/** Of a header whatever the case of its name; empty or undefined if it is not there. */
export type HeaderReader = (name: string) => string | undefined;

/**
 * The attributes of a message in binary mode, whose body is the data alone; null in any other. Throws a URIError if a
 * value is not encoded as the binding demands.
 */
export function attributesIn(header: HeaderReader): Readonly<Record<string, string>> | null {
  const contentType = header(CONTENT_TYPE_HEADER) || '';
  const specversion = header(attributeHeader('specversion'));
  if (!specversion || STRUCTURED.test(contentType)) return null;
  const given = ATTRIBUTES.flatMap((name) => {
    const value = header(attributeHeader(name));
    return value ? [[name, decoded(value)] as const] : [];
  });
  const dataType = header(attributeHeader('datacontenttype')) || contentType;
  const type = JSON_TYPE.test(dataType) ? 'application/json' : dataType;
  return { specversion, ...Object.fromEntries(given), ...(type ? { datacontenttype: type } : {}) };
}

/** All but the printable characters of ASCII, and of those the blank, the double quote and the percent sign. */
const TO_ENCODE = /[^\u0021\u0023\u0024\u0026-\u007e]/gu;

const encoded = (value: string) =>
  value.replaceAll(TO_ENCODE, (character) =>
    [...new TextEncoder().encode(character)]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  );

const decoded = (value: string) => {
  const isQuoted = /^".*"$/s.test(value);
  return decodeURIComponent(isQuoted ? value.slice(1, -1).replaceAll(/\\(.)/g, '$1') : value);
};
