/** Which release of each model served when, by whom and why; any that is retained can be brought back. */
import type { Answer, ServedRelease } from '../../contracts/api.ts';
import { API, CTL } from '../../contracts/subjects.ts';
import { ActButton, type Act } from '../parts/acts.tsx';
import { Failed, Looking, Moment, Name, Note, RunLink, Section, Table } from '../parts/parts.tsx';
import { getJson } from '../state/api.ts';
import { swaps } from '../state/live.ts';
import { useResource } from '../state/resource.ts';
import { shortDigest, swapTime } from '../words.ts';

const REASONS: Readonly<Record<ServedRelease['reason'], string>> = {
  deployed: 'a run',
  blessed: 'blessed by an operator',
  operator: 'brought back by an operator',
  guard: 'brought back by the guard',
};

export function Releases() {
  const found = useResource<Answer<typeof API.deployments>>('/releases');
  const { data, error } = found;
  return (
    <>
      <h1>Releases</h1>
      <Looking at={found} />
      <Failed error={error} />
      {data?.models.map(({ model, releases }) => (
        <Section key={model} id={`releases-${model}`} title={model}>
          {releases.length === 0 ? <Note>Nothing has served yet.</Note> : <Ledger model={model} releases={releases} />}
        </Section>
      ))}
    </>
  );
}

const Ledger = ({ model, releases }: { model: string; releases: readonly ServedRelease[] }) => (
  <Table
    caption={`Releases of ${model}, newest first`}
    rows={releases}
    columns={[
      {
        head: 'Release',
        cell: (it) => (
          <>
            {it.release} {it.endedAt === null ? <span class="state good">in service</span> : null}
          </>
        ),
      },
      { head: 'From', cell: ({ startedAt }) => <Moment at={startedAt} /> },
      { head: 'To', cell: ({ endedAt }) => (endedAt === null ? 'now' : <Moment at={endedAt} />) },
      {
        head: 'Why',
        cell: ({ reason, why }) => (
          <>
            {REASONS[reason]}
            {why === null ? null : (
              <>
                : <Name text={why} />
              </>
            )}
          </>
        ),
      },
      { head: 'By', cell: ({ by }) => (by === undefined ? '–' : <Name text={by} />) },
      { head: 'Run', cell: ({ runId }) => <RunLink runId={runId} /> },
      { head: 'Model', cell: ({ modelDigest }) => <code>{shortDigest(modelDigest)}</code> },
      { head: 'Act', cell: (it) => <RollBack model={model} release={it} /> },
    ]}
  />
);

function RollBack({
  model,
  release: { release, endedAt, retained, runId },
}: {
  model: string;
  release: ServedRelease;
}) {
  if (endedAt === null) return <>–</>;
  if (!retained) return <span class="note">no longer retained</span>;
  const order = `back-${crypto.getRandomValues(new Uint32Array(2)).join('')}`;
  const act: Act = {
    subject: CTL.modelRollback,
    data: (reason) => ({ model, release, runId: order, ...(reason === undefined ? {} : { reason }) }),
    ...{ label: `Roll back to ${release}`, look: 'danger', asksReason: true },
    title: `Roll ${model} back to release ${release}`,
    body: (
      <p>
        The pair that run <Name text={runId} /> put into service serves again, under a new release number, on all
        replicas.
      </p>
    ),
    done: () => rolledBack(model, order),
  };
  return <ActButton act={act} />;
}

const LOOK_MS = 100;
const LOOKS_MAX = 600;

/** Throws ApiError; a run that takes too long is told as that. */
async function rolledBack(model: string, runId: string): Promise<string> {
  for (let look = 0; look < LOOKS_MAX; look++) {
    const run = await getJson<Answer<typeof API.run>>(`/runs/${runId}`);
    if (run.status === 'done') return endInWords(model, run);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return `The rollback of ${model} (${runId}) is still under way.`;
}

function endInWords(model: string, { runId, failure, startedAt, updatedAt }: Answer<typeof API.run>): string {
  if (failure !== null) return `The rollback of ${model} did not complete: ${failure}`;
  const tookMs = Date.parse(updatedAt) - Date.parse(startedAt);
  const swapUs = swaps.value.get(runId);
  const swap = swapUs === undefined ? '' : `; the slowest replica switched in ${swapTime(swapUs)}`;
  return `${model} is rolled back. It took ${tookMs} ms in all${swap}.`;
}
