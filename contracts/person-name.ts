/**
 * The one rule for a person's name, wherever it comes from: a source, a folder, a request, the command line. Each spelling
 * has one form; a new name must also be one that people can see and type. docs/data.md states it.
 */
/** In code points of the form. */
export const NAME_LENGTH_MAX = 128;

/** Unicode NFC, one space for each run of spaces of any width, none at the ends. Every name has a form, also an invalid one. */
export const personName = (text: string): string =>
  PLAIN.test(text)
    ? text
    : text
        .normalize('NFC')
        .replaceAll(/\p{Zs}+/gu, ' ')
        .replaceAll(/^ | $/g, '');

/** The form of these is themselves: most names of a large gallery need no more than a look. */
const PLAIN = /^[!-~]+(?: [!-~]+)*$/;

/** Why a text cannot be the name of somebody new, as the rest of a sentence; null if it can. */
export function wrongName(text: string): string | null {
  const name = personName(text);
  const length = Array.from(name).length;
  if (length === 0) return 'the name is empty';
  if (length > NAME_LENGTH_MAX) return `the name has ${length} characters; at most ${NAME_LENGTH_MAX}`;
  const unseen = name.replaceAll(NEEDED, '').match(UNSEEN)?.[0];
  if (unseen === undefined) return null;
  const code = `U+${unseen.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`;
  return /\p{Cc}/u.test(unseen)
    ? `the name holds control characters (${code})`
    : `the name holds ${code}, which cannot be seen or is no character; write it without`;
}

/** Why a text cannot be asked for. People of before the rule may have names that nobody new may have, and can be removed. */
export function wrongQuestion(text: string): string | null {
  const name = personName(text);
  if (name === '') return 'the name is empty';
  if (name.length > ASKED_LENGTH_MAX) return `the name has ${name.length} characters; at most ${ASKED_LENGTH_MAX}`;
  return /\p{Cc}/u.test(name) ? 'the name holds control characters' : null;
}
/** A header takes more; no gallery has so long a name. */
const ASKED_LENGTH_MAX = 512;

/** Names that people take for one: case, width, spaces, and characters that cannot be seen do not count. */
export const similarForm = (name: string): string =>
  name
    .normalize('NFKC')
    .toUpperCase()
    .toLowerCase()
    .normalize('NFKC')
    .replaceAll(/[\p{Zs}\p{Default_Ignorable_Code_Point}]/gu, '');

/**
 * Control characters, halves of characters, what is assigned to nobody, marks of direction, and all that shows nothing; and
 * what a decoder writes for bytes that are no UTF-8, behind which two people would be one.
 */
const UNSEEN = /[\uFFFD\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

const scripts = (names: readonly string[]) => names.map((name) => `\\p{scx=${name}}`).join('');
/** Letters of these are joined, or form one sign, unless a joiner says otherwise. */
const JOINING = scripts([
  ...['Arabic', 'Syriac', 'Mandaic', 'Mongolian', 'Nko', 'Adlam', 'Hanifi_Rohingya'],
  ...['Devanagari', 'Bengali', 'Gurmukhi', 'Gujarati', 'Oriya', 'Tamil', 'Telugu', 'Kannada', 'Malayalam', 'Sinhala'],
  ...['Khmer', 'Myanmar', 'Tibetan', 'Balinese', 'Javanese'],
]);
/** The vowel killers of the Indic scripts: a joiner may follow one at the end of a word, as in older Malayalam and Bengali. */
const VIRAMA = '\u094D\u09CD\u0A4D\u0ACD\u0B4D\u0BCD\u0C4D\u0CCD\u0D4D\u0DCA';
/**
 * Unseen characters that a script needs: one joiner (U+200C, U+200D) between its letters or after a vowel killer, and a
 * selector of the form of a Chinese or Mongolian character behind it.
 */
const NEEDED = new RegExp(
  [
    `(?<=[${JOINING}])(?<![\\u200C\\u200D])[\\u200C\\u200D](?=[${JOINING}])(?![\\u200C\\u200D])`,
    `(?<=[${VIRAMA}])[\\u200C\\u200D](?![\\u200C\\u200D])`,
    '(?<=\\p{Script=Han})[\\uFE00-\\uFE0F\\u{E0100}-\\u{E01EF}]',
    '(?<=\\p{Script=Mongolian})[\\u180B-\\u180D\\u180F]',
  ].join('|'),
  'gu',
);
