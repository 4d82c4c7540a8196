/** People: who is enrolled, enrolling and removing, changes that wait for a second person, and forgetting; each for its role. */
import { useEffect, useState } from 'preact/hooks';
import type { Answer } from '../../contracts/api.ts';
import type { API } from '../../contracts/subjects.ts';
import { Failed, Looking, Note, Section } from '../parts/parts.tsx';
import { Enrol } from '../people/enrol.tsx';
import { Forget } from '../people/forget.tsx';
import { NotShown, PeopleList } from '../people/list.tsx';
import { Pending } from '../people/pending.tsx';
import { may } from '../state/session.ts';
import { useResource } from '../state/resource.ts';

/** Letters that come faster are one search. */
const TYPING_MS = 300;

export function People() {
  const models = useResource<Answer<typeof API.models>>('/models', { once: true });
  const names = Object.keys(models.data?.models ?? {});
  const [chosen, setChosen] = useState<string | null>(null);
  const model = chosen ?? names[0] ?? null;
  return (
    <>
      <h1>People</h1>
      {may('people') ? null : <NotShown />}
      <Looking at={models} />
      <Failed error={models.error} />
      {models.data !== null && model === null ? <Note>No model is configured.</Note> : null}
      {may('people') && model !== null ? (
        <>
          {names.length > 1 ? <Models names={names} model={model} choose={setChosen} /> : null}
          <Enrolled key={model} model={model} />
        </>
      ) : null}
    </>
  );
}

const Models = (props: { names: readonly string[]; model: string; choose: (name: string) => void }) => (
  <label class="choice">
    Model
    <select value={props.model} onChange={(event) => props.choose(event.currentTarget.value)}>
      {props.names.map((name) => (
        <option key={name}>{name}</option>
      ))}
    </select>
  </label>
);

function Enrolled({ model }: { model: string }) {
  const [typed, setTyped] = useState('');
  const [search, setSearch] = useState('');
  useEffect(() => {
    const timer = setTimeout(() => setSearch(typed.trim()), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  return (
    <>
      <Section id="people" title="In the gallery">
        <label>
          Search by name
          <input
            type="search"
            maxLength={128}
            autocomplete="off"
            value={typed}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
        </label>
        <PeopleList key={search} model={model} search={search} />
      </Section>
      {may('approve') ? <Pending model={model} /> : null}
      {may('gallery') ? <Enrol model={model} /> : null}
      {may('command') ? <Forget /> : null}
    </>
  );
}
