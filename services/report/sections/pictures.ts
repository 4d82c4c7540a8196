/**
 * The worst mistakes as images: strangers who look most like somebody, enrolled people who are least recognised, and those who
 * look most like one another.
 */
import type { Evidence } from '../../../contracts/verification.ts';
import { html, name, trusted, type Html } from '../html.ts';
import { nothing, section, type ReportInput } from '../input.ts';
import { score } from '../words.ts';

/** Text of an evidence file that is no base64 never reaches an attribute. */
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

export function picturesPart({ report, evidence, noun }: ReportInput): Html {
  if (evidence === null) return section('pictures', 'Worst mistakes', nothing('The images are no longer stored.'));
  const { threshold } = report.candidate.accuracy.identify;
  const { falseAccepts, falseRejects } = evidence.worst;
  // Of a pair with somebody who was forgotten one image is left.
  const pairs = evidence.alike?.filter(({ images }) => images.length === 2) ?? [];
  return section(
    'pictures',
    'Worst mistakes',
    html`<h3>Strangers with the highest scores</h3>
      ${falseAccepts.length === 0 ? nothing('No stranger was searched.') : gallery(falseAccepts.map((it) => stranger(it, threshold)))}
      <h3>Enrolled ${noun.many} furthest from their name</h3>
      ${falseRejects.length === 0 ? nothing('Every image was answered with its name.') : gallery(falseRejects.map((it) => rejected(it, threshold)))}
      <h3>Most alike under two names</h3>
      ${pairs.length === 0 ? nothing('No pairs are stored.') : gallery(pairs.map(alike))}`,
  );
}

export const gallery = (items: readonly Html[]): Html =>
  html`<ul class="pictures">
    ${items}
  </ul>`;

type Accepted = Evidence['worst']['falseAccepts'][number];
type Rejected = Evidence['worst']['falseRejects'][number];

const stranger = ({ image, picture, person, score: value }: Accepted, threshold: number): Html => {
  const isAbove = value >= threshold;
  return html`<li>
    ${pictureOf(picture, `Stranger: ${image}`)}
    <p>most like ${name(person)}</p>
    <p class="meaning ${isAbove ? 'bad' : ''}">${score(value)}, ${isAbove ? 'above' : 'below'} the threshold</p>
    <p class="path">${name(image)}</p>
  </li>`;
};

const rejected = (it: Rejected, threshold: number): Html =>
  html`<li>
    ${pictureOf(it.picture, `${it.person}: ${it.image}`)}
    <p>${name(it.person)}</p>
    <p class="meaning">${score(it.score)}, ${reasonOf(it, threshold)}</p>
    <p class="path">${name(it.image)}</p>
  </li>`;

type Alike = NonNullable<Evidence['alike']>[number];

const alike = ({ score: value, images }: Alike): Html =>
  html`<li class="pair-of-images">
    ${images.map(({ picture, person, image }) => pictureOf(picture, `${person}: ${image}`))}
    <p>${images.map(({ person }, at) => html`${at === 0 ? '' : ' and '}${name(person)}`)}</p>
    <p class="meaning">${score(value)}</p>
    <p class="path">${images.map(({ image }, at) => html`${at === 0 ? '' : ', '}${name(image)}`)}</p>
  </li>`;

function reasonOf({ person, found, score: value }: Rejected, threshold: number): Html {
  if (found === null) return html`two alike`;
  if (found !== person) return html`most like ${name(found)}`;
  return value < threshold ? html`right, below the threshold` : html`right, the second best too near`;
}

export const pictureOf = (picture: string, alt: string): Html =>
  BASE64.test(picture)
    ? html`<img src="${trusted(`data:image/png;base64,${picture}`)}" alt="${alt}" width="96" height="96" />`
    : placeholder('unreadable image');

/** In the place of a picture that cannot be shown, with the reason. */
export const placeholder = (reason: string): Html =>
  html`<div class="no-picture" role="img" aria-label="no picture: ${reason}"><span>${reason}</span></div>`;
