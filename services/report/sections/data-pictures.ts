/** The night's data in pictures: what is new, what is gone, and what was set aside, from the sheet of the collector. */
import type { DataSheet } from '../../../contracts/data-sheet.ts';
import type { Noun } from '../../../contracts/configuration/noun.ts';
import { html, name, type Html } from '../html.ts';
import { nothing, section, type ReportInput } from '../input.ts';
import { count } from '../words.ts';
import { gallery, pictureOf, placeholder } from './pictures.ts';

export function dataPicturesPart({ sheet, noun }: ReportInput): Html {
  return section('data-pictures', 'Data in pictures', sheet ? content(sheet, noun) : nothing(ABSENT));
}

const ABSENT = 'There is no sheet of this data: it is of a night before 0.6.0, of another run, or gone.';

function content({ added, gone, quarantined, quarantinedTotal, came, left }: DataSheet, { one, many }: Noun): Html {
  const counted = (names: readonly string[]) => `${names.length} ${names.length === 1 ? one : many}`;
  const shownAside = asideShown(quarantined);
  return html`<h3>New since the model in service</h3>
    ${came.length === 0 ? '' : html`<p>${counted(came)} came: ${listed(came)}.</p>`} ${shown(added, 'No image is new.')}
    <h3>Gone since then</h3>
    ${left.length === 0 ? '' : html`<p>${counted(left)} left: ${listed(left)}.</p>`} ${shown(gone, 'No image is gone.')}
    <h3>Set aside</h3>
    ${
      quarantinedTotal === 0
        ? nothing('Nothing was set aside.')
        : html`<p>
              ${count(quarantinedTotal, 'sample')}${shownAside.length < quarantinedTotal ? `, ${shownAside.length} of them shown` : ''}.
            </p>
            ${gallery(shownAside.map(setAside))}`
    }`;
}

function shown(images: DataSheet['added'], none: string): Html {
  if (images === null) return nothing('There is no sheet of the night before to compare with.');
  if (images.total === 0) return nothing(none);
  const { total, pictures } = images;
  const cut = pictures.length < total ? `, ${pictures.length} of them shown` : '';
  return html`<p>${count(total, 'image')}${cut}.</p>
    ${gallery(pictures.map(pictured))}`;
}

const pictured = ({ label, source, id, picture }: NonNullable<DataSheet['added']>['pictures'][number]): Html =>
  html`<li>
    ${pictureOf(picture, `${label}: ${source}/${id}`)}
    <p>${name(label)}</p>
    <p class="path">${name(`${source}/${id}`)}</p>
  </li>`;

type SetAside = DataSheet['quarantined'][number];

/** There is nothing to be seen of these. */
const UNDECODED: readonly SetAside['reason'][] = ['unreadable', 'unavailable', 'incomplete', 'too-large'];
const UNDECODED_SHOWN = 12;

/** All that have a picture, and some of those that cannot have one. */
function asideShown(quarantined: readonly SetAside[]): readonly SetAside[] {
  const undecoded = quarantined.filter(({ reason }) => UNDECODED.includes(reason)).slice(0, UNDECODED_SHOWN);
  return quarantined.filter((one) => one.picture !== undefined || undecoded.includes(one));
}

const setAside = ({ label, source, id, reason, message, picture }: SetAside): Html =>
  html`<li>
    ${picture === undefined ? placeholder(reason) : pictureOf(picture, `${label}: ${source}/${id}`)}
    <p>${name(label)}</p>
    <p class="meaning">${reason}</p>
    <p class="path">${name(message)}</p>
  </li>`;

const NAMES_SHOWN = 20;

function listed(names: readonly string[]): Html {
  const rest = names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : '';
  return html`${names.slice(0, NAMES_SHOWN).map((it, at) => html`${at === 0 ? '' : ', '}${name(it)}`)}${rest}`;
}
