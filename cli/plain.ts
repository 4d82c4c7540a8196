/** Text from outside on a terminal. Pure. */

/** Controls but the line break, and marks that turn the direction of writing: both change what a person sees. */
const UNSEEN = /[\p{Cc}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu;

/** Such characters by their code, as `<U+001B>`: a name, an id or a message of a source moves no cursor. */
export const plain = (text: string): string =>
  text.replaceAll(UNSEEN, (unseen) =>
    unseen === '\n' ? unseen : `<U+${unseen.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}>`,
  );
