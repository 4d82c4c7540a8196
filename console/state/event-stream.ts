/**
 * Takes server-sent events apart, as the standard has them. The browser's own EventSource sends no token, so the page reads
 * the stream itself. Pure.
 */

export interface ServerEvent {
  readonly id: string | null;
  readonly event: string;
  readonly data: string;
}

export interface Parsed {
  readonly events: readonly ServerEvent[];
  /** Of an event that is not whole yet. */
  readonly rest: string;
}

/** Far beyond an event of ours: a stream that ends none is given up. */
export const REST_CHARACTERS_MAX = 2 * 1024 * 1024;

export function parseEvents(text: string): Parsed {
  // A line end that is cut in two comes with the next piece.
  const blocks = text.replaceAll('\r\n', '\n').split('\n\n');
  const rest = blocks.pop()!; // A split gives one at least.
  return { events: blocks.flatMap((block) => eventOf(block) ?? []), rest };
}

/** Null for a comment, and for a block without data. */
function eventOf(block: string): ServerEvent | null {
  let [id, event]: [string | null, string] = [null, 'message'];
  const data: string[] = [];
  for (const line of block.split('\n')) {
    const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    if (field === 'id') id = value;
    else if (field === 'event') event = value;
    else if (field === 'data') data.push(value);
  }
  return data.length === 0 ? null : { id, event, data: data.join('\n') };
}
