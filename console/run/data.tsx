/** What a night's data was, from its sheet: how much, who came and went, what was set aside, with a few pictures. */
import type { DataSheet, Picture } from '../../contracts/data-sheet.ts';
import { Facts, Name, Note } from '../parts/parts.tsx';
import { count } from '../words.ts';

const NAMES_SHOWN = 20;
const PICTURES_SHOWN = 12;
const SET_ASIDE_SHOWN = 10;

export function Sheet({ sheet }: { sheet: DataSheet }) {
  const { people, strangers, heldOut, came, left, added, gone, findings, quarantined, quarantinedTotal } = sheet;
  const images = people.reduce((sum, it) => sum + it.images.length, 0);
  return (
    <>
      <Facts
        facts={[
          { name: 'Enrolled', value: `${people.length}, by ${count(images, 'image')}` },
          { name: 'Strangers', value: strangers },
          { name: 'Held out', value: heldOut },
          { name: 'Set aside', value: count(quarantinedTotal, 'image') },
        ]}
      />
      {sheet.comparedWith === null ? <Note>No model was in service to compare it with.</Note> : null}
      <Names title="Came" names={came} />
      <Names title="Left" names={left} />
      {findings.length === 0 ? null : (
        <ul class="reasons">
          {findings.map((finding, index) => (
            <li key={index}>{finding.message}</li>
          ))}
        </ul>
      )}
      {added === null ? null : <Pictures title={`New: ${count(added.total, 'image')}`} pictures={added.pictures} />}
      {gone === null ? null : <Pictures title={`Gone: ${count(gone.total, 'image')}`} pictures={gone.pictures} />}
      {quarantined.length === 0 ? null : (
        <>
          <h3>Set aside</h3>
          <ul class="reasons">
            {quarantined.slice(0, SET_ASIDE_SHOWN).map((one) => (
              <li key={`${one.source} ${one.id}`}>
                <Name text={one.label} /> <span class="note">{one.id}</span>: {one.message}
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}

const Names = ({ title, names }: { title: string; names: readonly string[] }) =>
  names.length === 0 ? null : (
    <p>
      {title}:{' '}
      {names.slice(0, NAMES_SHOWN).map((name, index) => (
        <>
          {index === 0 ? '' : ', '}
          <Name text={name} />
        </>
      ))}
      {names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : ''}
    </p>
  );

const Pictures = ({ title, pictures }: { title: string; pictures: readonly Picture[] }) =>
  pictures.length === 0 ? null : (
    <>
      <h3>{title}</h3>
      <ul class="pictures">
        {pictures.slice(0, PICTURES_SHOWN).map(({ label, source, id, picture }) => (
          <li key={`${source} ${id}`}>
            <img src={`data:image/png;base64,${picture}`} alt={`An image of ${label}`} loading="lazy" />
            <Name text={label} />
          </li>
        ))}
      </ul>
    </>
  );
