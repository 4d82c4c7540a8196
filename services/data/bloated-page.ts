/**
 * Whether a page is worth parsing: its values and levels are counted by the bytes outside of texts, which takes a fraction of a
 * second where a parser takes a minute or gigabytes. Pure; called by http-page.ts.
 */

/** A hundred thousand samples, ten values each. A page of 64 MiB may hold twenty million. */
const VALUES_MAX = 1_000_000;
/** A tag lies four deep. */
const DEPTH_MAX = 32;

/** Why it is not; null if it is. Lines count as values, too. */
export function bloatedPage(body: Buffer): string | null {
  let [depth, values] = [0, 0];
  for (let at = 0; at < body.length; at++) {
    const byte = body[at]!;
    if (byte === SIGN.quote) at = endOfText(body, at);
    else if (byte === SIGN.comma || byte === SIGN.line) values += 1;
    else if (byte === SIGN.list || byte === SIGN.object) [depth, values] = [depth + 1, values + 1];
    else if (byte === SIGN.listEnd || byte === SIGN.objectEnd) depth -= 1;
    if (depth > DEPTH_MAX) return `the page is no list of samples: it goes more than ${DEPTH_MAX} levels deep`;
    if (values > VALUES_MAX) return `the page holds more than ${VALUES_MAX} values; may it have fewer samples?`;
  }
  return null;
}

/** Where the quote is that ends it: not one behind an odd number of backslashes. */
function endOfText(body: Buffer, from: number): number {
  for (let at = body.indexOf(SIGN.quote, from + 1); at !== -1; at = body.indexOf(SIGN.quote, at + 1)) {
    let before = at - 1;
    while (body[before] === SIGN.backslash) before -= 1;
    if ((at - before) % 2 === 1) return at;
  }
  return body.length;
}

const SIGN = {
  ...{ quote: 0x22, backslash: 0x5c, comma: 0x2c, line: 0x0a },
  ...{ list: 0x5b, listEnd: 0x5d, object: 0x7b, objectEnd: 0x7d },
} as const;
