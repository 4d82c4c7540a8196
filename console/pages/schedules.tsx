/** When runs start by themselves: the next slots, what became of the latest, and the switch of each and of all. */
import type { Answer, ScheduleStatus } from '../../contracts/api.ts';
import type { SlotEntry } from '../../contracts/configuration/schedule.ts';
import { API, CTL } from '../../contracts/subjects.ts';
import { Acts, type Act } from '../parts/acts.tsx';
import { Facts, Failed, Looking, Moment, Note, RunLink, Section, Table, When } from '../parts/parts.tsx';
import { useResource } from '../state/resource.ts';
import { count } from '../words.ts';

export function Schedules() {
  const found = useResource<Answer<typeof API.schedules>>('/schedules');
  const { data, error } = found;
  return (
    <>
      <h1>Schedules</h1>
      <Looking at={found} />
      <Failed error={error} />
      {data?.schedules.length === 0 ? <Note>No model has a schedule: runs start by command alone.</Note> : null}
      {data?.schedules.map((schedule) => (
        <Schedule key={schedule.model} schedule={schedule} />
      ))}
    </>
  );
}

function Schedule({ schedule: { model, config, paused, waiting, upcoming, recent } }: { schedule: ScheduleStatus }) {
  return (
    <Section id={`schedule-${model}`} title={model}>
      <Facts
        facts={[
          {
            name: 'State',
            value: paused === null ? <span class="state good">on</span> : <span class="state unsure">paused</span>,
          },
          paused && {
            name: 'Paused',
            value: (
              <>
                {paused.reason}, <When at={paused.at} />
              </>
            ),
          },
          config && {
            name: 'Slots',
            value: (
              <>
                <code>{config.cron}</code> {config.timeZone}
              </>
            ),
          },
          waiting && {
            name: 'Waiting',
            value: (
              <>
                the slot of <Moment at={waiting.slot} />
              </>
            ),
          },
        ]}
      />
      <Acts acts={[paused === null ? pause(model) : resume(model)]} />
      <h3>Next</h3>
      {upcoming.length === 0 ? (
        <Note>None.</Note>
      ) : (
        <ol class="slots">
          {upcoming.map((slot) => (
            <li key={slot}>
              <Moment at={slot} />{' '}
              <span class="note">
                <When at={slot} />
              </span>
            </li>
          ))}
        </ol>
      )}
      <h3>Latest</h3>
      {recent.length === 0 ? <Note>No slot has come yet.</Note> : <Slots slots={recent.toReversed()} />}
    </Section>
  );
}

const Slots = ({ slots }: { slots: readonly SlotEntry[] }) => (
  <Table
    caption="Latest slots, newest first"
    rows={slots}
    columns={[
      {
        head: 'Slot',
        cell: ({ slot, count: many }) => (
          <>
            <Moment at={slot} />
            {many === undefined ? '' : `, ${count(many, 'slot')}`}
          </>
        ),
      },
      {
        head: 'Became',
        cell: ({ decision }) => <span class={`state ${decision === 'started' ? 'good' : 'unsure'}`}>{decision}</span>,
      },
      { head: 'Why', cell: ({ reason }) => reason },
      { head: 'Run', cell: ({ runId }) => (runId === null ? '–' : <RunLink runId={runId} />) },
      { head: 'End', cell: ({ end }) => end?.replace('-', ' ') ?? '–' },
    ]}
  />
);

const pause = (model: string): Act => ({
  subject: CTL.schedulePause,
  data: (reason) => ({ model, ...(reason === undefined ? {} : { reason }) }),
  ...{ label: 'Pause the schedule', asksReason: true, title: `Pause the schedule of ${model}` },
  body: <p>Its slots are skipped until somebody resumes it. A run under way goes on.</p>,
});
const resume = (model: string): Act => ({
  subject: CTL.scheduleResume,
  data: () => ({ model }),
  ...{ label: 'Resume the schedule', look: 'main', title: `Resume the schedule of ${model}` },
  body: <p>Runs start again from the next slot on.</p>,
});
