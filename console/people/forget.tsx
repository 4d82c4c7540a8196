/** Forgets somebody who need not be in the gallery, or looks where they are; and what the janitor found and did. */
import { useEffect, useState } from 'preact/hooks';
import { Acts } from '../parts/acts.tsx';
import { Name, Note, Section, Table } from '../parts/parts.tsx';
import { count } from '../words.ts';
import { forgetAct, forgotten, lookAct } from './acts.tsx';

export function Forget() {
  const [name, setName] = useState('');
  const person = name.trim();
  // The next one to log in here need not read it.
  useEffect(() => () => void (forgotten.value = null), []);
  return (
    <Section id="forget" title="Forget">
      <label>
        Name, of anybody who was ever collected or enrolled
        <input
          type="text"
          maxLength={512}
          autocomplete="off"
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </label>
      {person === '' ? (
        <Note>First take the person out of the data sources. All spellings of a name are one person.</Note>
      ) : (
        <Acts acts={[lookAct(person), forgetAct(person)]} />
      )}
      <Report />
    </Section>
  );
}

function Report() {
  const { value } = forgotten;
  if (value === null) return null;
  const { person, report } = value;
  const telling = report.rows.filter(({ changed, removed, left }) => changed + removed + left > 0);
  return (
    <>
      <h3>
        {report.mode === 'look' ? 'Found of ' : 'Done about '}
        <Name text={person} />
      </h3>
      {telling.length === 0 ? null : (
        <Table
          caption="Places in which something of them was"
          rows={telling}
          rowKey={({ place, what }) => `${place} ${what}`}
          columns={[
            { head: 'Place', cell: ({ place }) => place },
            { head: 'Of what', cell: ({ what }) => what },
            { head: 'Looked at', cell: ({ looked }) => looked, isNumber: true },
            { head: 'Changed', cell: ({ changed }) => changed, isNumber: true },
            { head: 'Removed', cell: ({ removed }) => removed, isNumber: true },
            { head: 'Left', cell: ({ left }) => left, isNumber: true },
          ]}
        />
      )}
      <Note>{`${report.rows.length - telling.length} of ${count(report.rows.length, 'place')} have nothing of them.`}</Note>
      <ul class="reasons">
        {report.sources.map((source) => (
          <li key={source}>Source {source} listed them when it was last read: take them out there, too.</li>
        ))}
        {report.remarks.map((remark) => (
          <li key={remark}>{remark}</li>
        ))}
      </ul>
    </>
  );
}
