/**
 * What a person may do: a button that asks for confirmation, sends the command, and tells what became of it. Someone without
 * the right is told so in words before anything is asked.
 */
import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Outcome } from '../../contracts/commands.ts';
import { stateInWords } from '../../contracts/run-words.ts';
import type { CtlSubject } from '../../contracts/subjects.ts';
import { command, type ApiError } from '../state/api.ts';
import { lookSoon } from '../state/live.ts';
import { loginAsked, may, me, refusal, type Right } from '../state/session.ts';

export interface Told {
  readonly text: string;
  readonly look: 'good' | 'bad';
}
/** The latest outcome, for the line at the foot of the page. */
export const told = signal<Told | null>(null);

/** Good news is gone after a while; the rest stays until somebody closes it. */
const GOOD_MS = 12_000;

export function tell(news: Told): void {
  told.value = news;
  if (news.look === 'good') setTimeout(() => told.value === news && (told.value = null), GOOD_MS);
}

interface Shown {
  readonly label: string;
  /** Of several buttons with one label; absent: the label says it. */
  readonly of?: string;
  /** In the confirmation. */
  readonly title: string;
  readonly body: ComponentChildren;
  readonly look?: 'plain' | 'main' | 'danger';
  readonly asksReason?: boolean;
}
/** A command to the orchestrator. */
export interface CommandAct extends Shown {
  readonly subject: CtlSubject;
  readonly data: (reason: string | undefined) => object;
  /** After it was obeyed; a sentence. */
  readonly done?: (outcome: Outcome) => Promise<string>;
}
/** Any other request. */
export interface OwnAct extends Shown {
  readonly right: Right;
  /** Answers a sentence. Throws ApiError. */
  readonly perform: () => Promise<string>;
}
export type Act = CommandAct | OwnAct;

const asked = signal<Act | null>(null);

export function ActButton({ act }: { act: Act }) {
  const right = 'perform' in act ? act.right : 'command';
  const begin = () => {
    if (may(right)) asked.value = act;
    else if (me.value === null || me.value.name === 'anonymous') loginAsked.value = refusal(right);
    else told.value = { text: refusal(right), look: 'bad' };
  };
  const name = act.of === undefined ? undefined : `${act.label} ${act.of}`;
  return (
    <button type="button" class={act.look ?? 'plain'} onClick={begin} aria-label={name}>
      {act.label}
    </button>
  );
}

export const Acts = ({ acts }: { acts: readonly (Act | null)[] }) => (
  <p class="acts">{acts.map((act) => (act === null ? null : <ActButton key={act.label} act={act} />))}</p>
);

/** Once in the page. */
export function Confirmation() {
  const act = asked.value;
  return act === null ? null : <Asking key={act.label} act={act} />;
}

function Asking({ act }: { act: Act }) {
  const reason = useRef<HTMLInputElement>(null);
  const close = () => (asked.value = null);
  const obey = async (event: Event) => {
    event.preventDefault();
    const said = reason.current?.value.trim();
    close();
    tell(await send(act, said === '' ? undefined : said));
    lookSoon();
  };
  return (
    <Dialog title={act.title} onClose={close}>
      <form onSubmit={(event) => void obey(event)}>
        <div>{act.body}</div>
        {act.asksReason ? (
          <label>
            Reason, for the log
            <input ref={reason} type="text" maxLength={300} autocomplete="off" />
          </label>
        ) : null}
        <p class="acts">
          <button type="submit" class={act.look === 'danger' ? 'danger' : 'main'}>
            {act.label}
          </button>
          <button type="button" class="plain" onClick={close}>
            Leave it
          </button>
        </p>
      </form>
    </Dialog>
  );
}

/** It throws never: an error is an outcome that is told. */
async function send(act: Act, reason: string | undefined): Promise<Told> {
  const { label } = act;
  try {
    told.value = { text: `${label}: sent`, look: 'good' };
    if ('perform' in act) return { text: await act.perform(), look: 'good' };
    const { subject, data, done } = act;
    const outcome = await command(subject, data(reason));
    if (done) return { text: await done(outcome), look: 'good' };
    const of = outcome.runId === null ? '' : ` ${outcome.runId}`;
    const state = outcome.state === null ? '' : `: ${stateInWords(outcome.state)}`;
    return { text: outcome.changed ? `${label}: done.${of}${state}` : `${label}: it was so already.`, look: 'good' };
  } catch (error) {
    const { message, code } = error as ApiError; // command() throws no other.
    return { text: `${label}: refused. ${message} [${code}]`, look: 'bad' };
  }
}

/** The browser keeps the focus inside; it goes back to where it was, or to the content if that is gone. */
export function Dialog(props: { title: string; onClose: () => void; children: ComponentChildren }) {
  const { title, onClose, children } = props;
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = element.current!; // It is in the page by now.
    const before = document.activeElement as HTMLElement | null; // Nothing else of ours takes the focus.
    dialog.showModal();
    return () => {
      dialog.close();
      // After the dialog has left the page, which would take the focus along.
      queueMicrotask(() => (before?.isConnected ? before : document.getElementById('main'))?.focus());
    };
  }, []);
  return (
    <dialog ref={element} aria-labelledby="dialog-title" onCancel={onClose}>
      <h2 id="dialog-title">{title}</h2>
      {children}
    </dialog>
  );
}

/** The line at the foot that tells what became of an act; read aloud as it comes. */
export function Telling() {
  const { value } = told;
  return (
    <div role="status" aria-live="polite" class={`telling ${value === null ? 'unseen' : value.look}`}>
      {value === null ? null : (
        <>
          <span>{value.text}</span>
          <button type="button" class="plain" onClick={() => (told.value = null)} aria-label="Close the message">
            ×
          </button>
        </>
      )}
    </div>
  );
}
