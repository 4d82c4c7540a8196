/** The worst mistakes as images: strangers who look most like somebody, and enrolled people who are least recognised. */
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
  return section(
    'pictures',
    'Worst mistakes',
    html`<h3>Strangers with the highest scores</h3>
      ${falseAccepts.length === 0 ? nothing('No stranger was searched.') : gallery(falseAccepts.map((it) => stranger(it, threshold)))}
      <h3>Enrolled ${noun.many} furthest from their name</h3>
      ${falseRejects.length === 0 ? nothing('Every image was answered with its name.') : gallery(falseRejects.map((it) => rejected(it, threshold)))}`,
  );
}

const gallery = (items: readonly Html[]): Html =>
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

function reasonOf({ person, found, score: value }: Rejected, threshold: number): Html {
  if (found === null) return html`two alike`;
  if (found !== person) return html`most like ${name(found)}`;
  return value < threshold ? html`right, below the threshold` : html`right, the second best too near`;
}

const pictureOf = (picture: string, alt: string): Html =>
  BASE64.test(picture)
    ? html`<img src="${trusted(`data:image/png;base64,${picture}`)}" alt="${alt}" width="96" height="96" />`
    : html`<p class="note">unreadable image</p>`;
