/**
 * The figures of a run's candidate, its gates, its learning curve and the data of the night. Figures are for all who look;
 * the rest shows people, and is asked for only if the caller may see it.
 */
import { useRef } from 'preact/hooks';
import type { Answer } from '../../contracts/api.ts';
import type { DataSheet } from '../../contracts/data-sheet.ts';
import type { API } from '../../contracts/subjects.ts';
import type { LearningCurve } from '../../contracts/training.ts';
import type { Gate, VerificationReport } from '../../contracts/verification.ts';
import { told } from '../parts/acts.tsx';
import { Failed, Looking, Note, Section, Table } from '../parts/parts.tsx';
import { Plot } from '../parts/plot.tsx';
import { getText, type ApiError } from '../state/api.ts';
import { loginAsked, maySeeEvidence, refusal } from '../state/session.ts';
import { useResource, type Resource } from '../state/resource.ts';
import { count, percentOrDash } from '../words.ts';
import { Sheet } from './data.tsx';
import { figuresOf, verificationIn, type FigureRow } from './figures.ts';

type RunAnswer = Answer<typeof API.run>;

interface Found {
  readonly report: VerificationReport | null;
  readonly sheet: DataSheet | null;
  readonly curve: LearningCurve | null;
}

const VERDICTS = {
  blessed: { words: 'Blessed: every gate holds', look: 'good' },
  rejected: { words: 'Rejected: a gate is broken', look: 'bad' },
  inconclusive: { words: 'Inconclusive: the data cannot decide', look: 'unsure' },
} as const;

export function Evidence({ run }: { run: RunAnswer }) {
  const path = maySeeEvidence.value ? `/runs/${encodeURIComponent(run.runId)}/evidence` : null;
  // It changes with the run alone.
  const found = useResource<Found>(path, { once: true, version: run.updatedAt });
  const { data, error } = found;
  const verification = verificationIn(run.context);
  if (run.kind === 'rollback') return null;
  return (
    <>
      <Section id="verdict" title="Verification">
        <Failed error={error} />
        {verification === null ? (
          <Note>There is a verdict once the stage verify is complete.</Note>
        ) : (
          <>
            <p class={`large ${VERDICTS[verification.verdict].look}`}>{VERDICTS[verification.verdict].words}</p>
            <ul class="reasons">
              {verification.reasons.map((reason) => (
                <li key={reason}>{reason}</li>
              ))}
            </ul>
            {verification.figures === null ? null : <Figures rows={figuresOf(verification.figures)} />}
            {data?.report ? <Gates gates={data.report.gates} /> : null}
            <SaveReport runId={run.runId} />
          </>
        )}
      </Section>
      {maySeeEvidence.value ? (
        <div class="pair">
          <Section id="curve" title="Learning curve">
            {data?.curve && data.curve.points.length > 0 ? (
              <Curve curve={data.curve} />
            ) : (
              <Absent at={found}>There is none: nothing has been trained yet, or it is kept no longer.</Absent>
            )}
          </Section>
          <Section id="data" title="Data of the night">
            {data?.sheet ? (
              <Sheet sheet={data.sheet} />
            ) : (
              <Absent at={found}>There is no sheet: nothing has been collected yet, or it is kept no longer.</Absent>
            )}
          </Section>
        </div>
      ) : (
        <Note>Gates, learning curve and data are shown to an operator who has logged in.</Note>
      )}
    </>
  );
}

const Absent = ({ at, children }: { at: Resource<unknown>; children: string }) =>
  at.data === null ? <Looking at={at} /> : <Note>{children}</Note>;

const Figures = ({ rows }: { rows: readonly FigureRow[] }) => (
  <Table
    caption="Figures of the candidate beside the model in service"
    rows={rows}
    columns={[
      {
        head: 'Figure',
        cell: ({ name, meaning }) => (
          <>
            {name} <span class="note">{meaning}</span>
          </>
        ),
      },
      { head: 'Candidate', cell: ({ candidate }) => percentOrDash(candidate), isNumber: true },
      { head: 'In service', cell: ({ champion }) => percentOrDash(champion), isNumber: true },
    ]}
  />
);

const numberOrDash = (value: number | null) => (value === null ? '–' : String(Number(value.toPrecision(4))));

function Gates({ gates }: { gates: readonly Gate[] }) {
  const open = gates.filter(({ outcome }) => outcome !== 'held').length;
  return (
    <details open={open > 0}>
      <summary>
        {count(gates.length, 'gate')}: {open === 0 ? 'all held' : `${open} not held`}
      </summary>
      <Table
        caption="Gates"
        rows={gates}
        columns={[
          { head: 'Gate', cell: (gate) => <GateName gate={gate} /> },
          { head: 'Outcome', cell: ({ outcome }) => <span class={outcome}>{outcome}</span> },
          { head: 'Measured', cell: ({ value }) => numberOrDash(value), isNumber: true },
          { head: 'Limit', cell: ({ limit }) => numberOrDash(limit), isNumber: true },
        ]}
      />
    </details>
  );
}

/** Its message begins with the name, for a log that has nothing else. */
const GateName = ({ gate: { name, message } }: { gate: Gate }) => (
  <>
    {name} <span class="note">{message.startsWith(`${name}: `) ? message.slice(name.length + 2) : message}</span>
  </>
);

/** A page of its own, with pictures: the browser keeps it as a file, as no link can carry the token. */
function SaveReport({ runId }: { runId: string }) {
  const link = useRef<HTMLAnchorElement>(null);
  const save = async () => {
    if (!maySeeEvidence.value) return void (loginAsked.value = refusal());
    try {
      const page = await getText(`/runs/${encodeURIComponent(runId)}/report`);
      const url = URL.createObjectURL(new Blob([page], { type: 'text/html' }));
      link.current!.href = url; // It is in the page.
      link.current!.click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    } catch (error) {
      const { message, code } = error as ApiError; // getText throws no other.
      told.value = { text: `No report: ${message} [${code}]`, look: 'bad' };
    }
  };
  return (
    <p class="acts">
      <button type="button" class="plain" onClick={() => void save()}>
        Save the report
      </button>
      <a ref={link} hidden download={`nightshift-${runId}.html`}>
        The report
      </a>
    </p>
  );
}

function Curve({ curve: { points } }: { curve: LearningCurve }) {
  const first = points[0]!; // Asked for only where there is one.
  const last = points.at(-1)!;
  const hasRank = points.some(({ validationRank1 }) => validationRank1 !== null);
  const said = `Loss from ${numberOrDash(first.loss)} to ${numberOrDash(last.loss)} in ${count(points.length, 'pass', 'passes')}`;
  return (
    <>
      <Plot
        label={`${said}.`}
        data={[
          points.map(({ epoch }) => epoch),
          points.map(({ loss }) => loss),
          ...(hasRank ? [points.map(({ validationRank1 }) => validationRank1)] : []),
        ]}
        lines={[
          { label: 'loss', color: '--candidate' },
          ...(hasRank ? [{ label: 'rank-1 of validation', color: '--newcomers', scale: 'right' as const }] : []),
        ]}
        axes={['loss', 'rank-1']}
      />
      <Note>{said}.</Note>
    </>
  );
}
