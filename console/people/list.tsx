/** The people of a gallery, page by page: known from where, with which enrolled images, and what may be done. */
import { useState } from 'preact/hooks';
import type { KnownPerson, PeopleReply } from '../../contracts/inference.ts';
import { Acts, type Act } from '../parts/acts.tsx';
import { Failed, Name, Note, Table, When } from '../parts/parts.tsx';
import { may } from '../state/session.ts';
import { useResource } from '../state/resource.ts';
import { changes, forgetAct, removeAct } from './acts.tsx';
import { peoplePath } from './api.ts';
import { Picture } from './picture.tsx';
import { knownFrom, shownOf } from './words.ts';

export function PeopleList({ model, search }: { model: string; search: string }) {
  // Of the pages before this one, the first being ''.
  const [cursors, setCursors] = useState(['']);
  const path = peoplePath(model, search, cursors.at(-1)!); // There is one at least.
  const { data, error } = useResource<PeopleReply>(path, { once: true, version: String(changes.value) });
  const next = data?.next ?? null;
  return (
    <>
      <Failed error={error} />
      <p class="note" role="status">
        {data === null ? (error === null ? 'Looking.' : '') : shownOf(data, cursors.length)}
      </p>
      {data === null || data.people.length === 0 ? null : <PeopleTable model={model} people={data.people} />}
      {cursors.length === 1 && next === null ? null : (
        <p class="acts">
          <button
            type="button"
            class="plain"
            disabled={cursors.length === 1}
            onClick={() => setCursors(cursors.slice(0, -1))}
          >
            Page before
          </button>
          <button
            type="button"
            class="plain"
            disabled={next === null}
            onClick={() => setCursors([...cursors, next ?? ''])}
          >
            Next page
          </button>
        </p>
      )}
    </>
  );
}

const PeopleTable = ({ model, people }: { model: string; people: readonly KnownPerson[] }) => (
  <Table
    caption={`People of ${model}, by name`}
    rows={people}
    rowKey={({ person }) => person}
    columns={[
      { head: 'Name', cell: ({ person }) => <Name text={person} /> },
      { head: 'Known from', cell: (it) => knownFrom(it) },
      { head: 'References', cell: ({ references }) => references, isNumber: true },
      { head: 'Enrolled images', cell: (it) => <Images model={model} of={it} /> },
      { head: 'Last enrolled', cell: ({ images }) => <Last images={images} /> },
      { head: 'Act', cell: ({ person }) => <Acts acts={actsOf(model, person)} /> },
    ]}
  />
);

/** Those alone that the caller's role allows. */
const actsOf = (model: string, person: string): readonly (Act | null)[] => [
  may('gallery') ? removeAct(model, person) : null,
  may('command') ? forgetAct(person) : null,
];

function Images({ model, of: { person, images } }: { model: string; of: KnownPerson }) {
  if (images.length === 0) return <>none</>;
  return (
    <span class="faces">
      {images.map(({ digest }, index) => (
        <Picture
          key={digest}
          model={model}
          of={{ person, digest }}
          alt={`image ${index + 1} of ${person}`}
          label={String(index + 1)}
        />
      ))}
    </span>
  );
}

function Last({ images }: { images: KnownPerson['images'] }) {
  const last = images.at(-1);
  if (last === undefined) return <>–</>;
  return (
    <span>
      <When at={last.at} /> by <Name text={last.by === '' ? 'nobody known' : last.by} />
    </span>
  );
}

export const NotShown = () => (
  <Note>People are shown to an enroller, or an operator, who has logged in: their names and images are theirs.</Note>
);
