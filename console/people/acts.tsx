/** Acts about a person, each with a confirmation that says what it does and what it does not do. */
import { signal } from '@preact/signals';
import type { ForgetReport } from '../../contracts/forgetting.ts';
import type { OwnAct } from '../parts/acts.tsx';
import { Name } from '../parts/parts.tsx';
import { approve, forget, reject, remove } from './api.ts';

/** Counts up with each change, so that the lists are asked for anew. */
export const changes = signal(0);
/** Of the latest order to forget or look, with the name that it was about. */
export const forgotten = signal<{ readonly person: string; readonly report: ForgetReport } | null>(null);

const changed = async (said: Promise<string>): Promise<string> => {
  const sentence = await said;
  changes.value += 1;
  return sentence;
};

export const removeAct = (model: string, person: string): OwnAct => ({
  ...{ right: 'gallery', label: 'Remove', of: person, look: 'danger' },
  title: `Remove ${person} from ${model}`,
  body: (
    <>
      <p>
        No door knows <Name text={person} /> any more, at once and in every release. The images that were enrolled by
        hand are deleted.
      </p>
      <p>
        Images in the data sources stay, and what was learned from them. To take them out of all that is stored: forget.
      </p>
    </>
  ),
  perform: () => changed(remove(model, person)),
});

export const forgetAct = (person: string): OwnAct => ({
  ...{ right: 'command', label: 'Forget', of: person, look: 'danger' },
  title: `Forget ${person}`,
  body: (
    <>
      <p>
        <Name text={person} /> is taken out of all that is stored, of every model:
      </p>
      <ul class="reasons">
        <li>collected and enrolled images, and changes that wait</li>
        <li>galleries of all releases and runs, so that no door knows them</li>
        <li>weights for the next night, reports, and messages that name them</li>
      </ul>
      <p>
        Later nights leave them out. It cannot be undone. Not reached are the data sources, backups, logs, and what the
        net in service has learned. While a run is under way it is refused.
      </p>
    </>
  ),
  perform: async () => {
    const report = await order(person, 'forget');
    changes.value += 1;
    return report.found ? `${person} is forgotten.` : `${person} was nowhere in what is stored.`;
  },
});

export const lookAct = (person: string): OwnAct => ({
  ...{ right: 'command', label: 'Look', of: person, look: 'plain' },
  title: `Look for ${person}`,
  body: (
    <p>
      All that is stored is looked through for <Name text={person} />. Nothing is changed.
    </p>
  ),
  perform: async () => {
    const { found } = await order(person, 'look');
    return found ? `${person} is in what is stored: see the list.` : `${person} is nowhere in what is stored.`;
  },
});

async function order(person: string, mode: ForgetReport['mode']): Promise<ForgetReport> {
  const report = await forget(person, mode);
  forgotten.value = { person, report };
  return report;
}

export const approveAct = (model: string, pending: string, person: string, verb: string): OwnAct => ({
  ...{ right: 'approve', label: 'Approve', of: person, look: 'main' },
  title: `Approve: ${verb} ${person}`,
  body: (
    <p>
      {verb === 'enroll' ? 'Doors know ' : 'No door knows '}
      <Name text={person} />
      {verb === 'enroll' ? ' by this image from now on.' : ' any more.'} Look at the image first: you answer for it.
    </p>
  ),
  perform: () => changed(approve(model, pending)),
});

export const rejectAct = (model: string, pending: string, person: string, verb: string): OwnAct => ({
  ...{ right: 'approve', label: 'Reject', of: person, look: 'danger' },
  title: `Reject: ${verb} ${person}`,
  body: (
    <p>
      {verb === 'enroll' ? 'No door will know ' : 'Doors go on knowing '}
      <Name text={person} />
      {verb === 'enroll' ? ' by this image, which is deleted.' : '.'} The person who asked for it may ask again.
    </p>
  ),
  perform: () => changed(reject(model, pending)),
});
