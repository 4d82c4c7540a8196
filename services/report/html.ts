/**
 * HTML as a template tag: each value is escaped unless it is HTML already, so names from outside stay text whatever is
 * in them. Used by the sections of the report.
 */

/** Text that is safe to stand in a page. Only `html` and `trusted` make it. */
export interface Html {
  readonly html: string;
}

export type HtmlValue = Html | string | number | null | readonly Html[];

export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return { html: strings.map((text, i) => text + (i < values.length ? textOf(values[i]!) : '')).join('') };
}

/** For a drawing of ours, whose texts are escaped already. */
export const trusted = (text: string): Html => ({ html: text });

/** A name from outside: its direction of writing does not turn the words around it. */
export const name = (text: string): Html => html`<bdi>${text}</bdi>`;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** For text and for attributes in double quotes. */
export const escapeText = (text: string): string => text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character]!);

/** A number and its percent sign stay on one line. */
const unbroken = (text: string) => text.replaceAll(/(\d) %/g, '$1\u00a0%');

function textOf(value: HtmlValue): string {
  if (value === null) return '';
  if (typeof value === 'string' || typeof value === 'number') return unbroken(escapeText(String(value)));
  return 'html' in value ? value.html : value.map(({ html: text }) => text).join('');
}
