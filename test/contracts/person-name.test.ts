/** One form of each name in a dozen scripts, and which texts can be no name. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AskedPersonSchema, PersonSchema } from '../../contracts/inference.ts';
import { NAME_LENGTH_MAX, personName, similarForm, wrongName, wrongQuestion } from '../../contracts/person-name.ts';

/** Names as people have them; those with an escape hold a joiner, or a selector, that their script needs. */
const NAMES: Readonly<Record<string, string>> = {
  Latin: 'Zoé Brontë-Ångström',
  Vietnamese: 'Nguyễn Thị Ánh',
  Turkish: 'İrem Işık',
  Arabic: 'محمد بن سلمان',
  Persian: 'علی\u200cرضا فرخ\u200cزاد',
  Hebrew: 'יִצְחָק רַבִּין',
  Devanagari: 'श्री क्\u200dष',
  Marathi: 'बाळ\u200cकृष्ण',
  Bengali: 'অর\u200d্যমা',
  Tamil: 'மு. க. ஸ்டாலின்',
  Malayalam: 'അവന്\u200d',
  Sinhala: 'ශ්\u200dරී',
  Thai: 'ณัฐวุฒิ สุขสม',
  Chinese: '毛泽东',
  Japanese: '葛\u{E0100}城 ひかり',
  Korean: '김철수',
  Cyrillic: 'Йосиф Ёлкин',
  Greek: 'Ἀριστοτέλης Ωνάσης',
  Georgian: 'ნინო',
  Ethiopic: 'ሀይሌ ገብረሥላሴ',
  Armenian: 'Արամ',
  Adlam: '\u{1E900}\u{1E923}\u{1E936}',
  emoji: 'Max 🦊',
};

for (const [script, name] of Object.entries(NAMES))
  test(`name: in ${script} it is itself in every Unicode form, with spaces around and between`, () => {
    const form = personName(name);
    assert.is(wrongName(name), null);
    assert.is(form, name.normalize('NFC'));
    const spaced = ` \u3000${name.replaceAll(' ', '\u00a0 \u2003')}\u2009 `;
    for (const spelling of [name.normalize('NFD'), name.normalize('NFC'), spaced, spaced.normalize('NFD')])
      assert.equal([personName(spelling), wrongName(spelling)], [form, null]);
    assert.is(personName(form), form);
    assert.is(PersonSchema.parse(spaced), form);
  });

test('name: a joiner is a part of it where the script needs it, and another name without it', () => {
  const name = NAMES['Persian']!;
  const without = name.replaceAll('\u200c', '');
  assert.is.not(personName(name), personName(without));
  assert.is(similarForm(name), similarForm(without));
});

for (const [what, text, why] of [
  ['nothing', '', /empty/],
  ['spaces of any width', ' \u3000\u00a0', /empty/],
  ['a line break', 'two\nlines', /control characters \(U\+000A\)/],
  ['a line separator', 'two\u2028lines', /U\+2028/],
  ['an override of the direction', 'Ada\u202ebmal', /U\+202E, which cannot be seen/],
  ['a mark of the direction', '\u200fעדה', /U\+200F/],
  ['an isolate', '\u2066Ada\u2069', /U\+2066/],
  ['a byte order mark', '\ufeffAda', /U\+FEFF/],
  ['a space of no width', 'Ada\u200b', /U\+200B/],
  ['a soft hyphen', 'A\u00adda', /U\+00AD/],
  ['a joiner between Latin letters', 'A\u200cda', /U\+200C/],
  ['a joiner before a name', '\u200cعلی', /U\+200C/],
  ['a joiner behind a name', 'علی\u200c', /U\+200C/],
  ['two joiners', 'علی\u200c\u200cرضا', /U\+200C/],
  ['a joiner between a word and a space', 'علی\u200c رضا', /U\+200C/],
  ['joined emoji', '👨\u200d👩', /U\+200D/],
  ['a selector behind a Latin letter', 'A\u{E0100}', /U\+E0100/],
  ['a filler of Hangul', '김\u3164', /U\+3164/],
  ['half of a character', 'Ada\ud83d', /U\+D83D/],
  ['what stands for bytes that are no UTF-8', 'Jos\ufffd', /U\+FFFD/],
  ['a character for private use', 'Ada\ue000', /U\+E000/],
  ['too many characters', 'x'.repeat(NAME_LENGTH_MAX + 1), /129 characters; at most 128/],
] as const)
  test(`name: ${what} makes none`, () => {
    assert.match(wrongName(text)!, why);
    assert.not(PersonSchema.safeParse(text).success);
  });

test('name: 128 characters are counted as people count them', () =>
  assert.is(wrongName('\u{1E900}'.repeat(NAME_LENGTH_MAX)), null));

test('name: people of before the rule can be asked for and removed, whatever cannot be seen in their names', () => {
  for (const name of ['Ada\u200f', 'A\u200cda', 'x'.repeat(300)]) {
    assert.is(wrongQuestion(name), null);
    assert.is(AskedPersonSchema.parse(name), name);
  }
  for (const name of ['', ' ', 'a\nb', 'x'.repeat(513)]) assert.not(AskedPersonSchema.safeParse(name).success);
});

test('name: case, width, spaces and what cannot be seen make no other similar form; letters do', () => {
  for (const [one, other] of [
    ['Ada', 'ADA'],
    ['Ａｄａ', 'ada'],
    ['Ada Lovelace', 'adalovelace'],
    ['Straße', 'STRASSE'],
    ['ΣΟΦΟΣ', 'σοφος'],
    ['ﾐｶ', 'ミカ'],
    ['Ada\u200b', 'Ada'],
  ] as const)
    assert.is(similarForm(one), similarForm(other), one);
  assert.is.not(similarForm('Ada'), similarForm('Ida'));
  assert.is.not(similarForm('Zoe'), similarForm('Zoé'));
});

test.run();
