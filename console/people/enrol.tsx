/** Enrols somebody by images from files, one request each; each says what became of it, and one that is refused holds up no other. */
import { useRef, useState } from 'preact/hooks';
import { told, type Told } from '../parts/acts.tsx';
import { Section } from '../parts/parts.tsx';
import type { ApiError } from '../state/api.ts';
import { changes } from './acts.tsx';
import { enroll } from './api.ts';

const TYPES = 'image/png,image/jpeg,image/webp';

export function Enrol({ model }: { model: string }) {
  const name = useRef<HTMLInputElement>(null);
  const files = useRef<HTMLInputElement>(null);
  const [isBusy, setBusy] = useState(false);
  const [said, setSaid] = useState<readonly Told[]>([]);
  const send = async (event: Event) => {
    event.preventDefault();
    const [person, chosen] = [name.current!.value, [...(files.current!.files ?? [])]]; // Both are in the page.
    setBusy(true);
    // It would lie over what is said below.
    told.value = null;
    const outcomes: Told[] = [];
    for (const file of chosen) {
      try {
        outcomes.push({ text: `${file.name}: ${await enroll(model, person, file)}`, look: 'good' });
      } catch (error) {
        const { message, code } = error as ApiError; // enroll throws no other.
        outcomes.push({ text: `${file.name}: ${message} [${code}]`, look: 'bad' });
      }
    }
    setBusy(false);
    setSaid(outcomes);
    changes.value += 1;
    if (outcomes.every(({ look }) => look === 'good')) (event.target as HTMLFormElement).reset(); // Of the form below.
  };
  return (
    <Section id="enrol" title="Enrol">
      <form onSubmit={(event) => void send(event)}>
        <label>
          Name
          <input ref={name} type="text" required maxLength={128} autocomplete="off" />
        </label>
        <label>
          Images, of a single face each
          <input ref={files} type="file" required multiple accept={TYPES} />
        </label>
        <p class="acts">
          <button type="submit" class="main" disabled={isBusy}>
            {isBusy ? 'Enrolling' : 'Enrol'}
          </button>
        </p>
      </form>
      <div role="status" class="outcomes">
        {said.map(({ text, look }) => (
          <p class={look === 'good' ? 'held' : 'failed'} key={text}>
            {text}
          </p>
        ))}
      </div>
    </Section>
  );
}
