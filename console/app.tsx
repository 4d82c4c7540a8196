/** The frame of the page: the head with navigation and connection, the page that the address names, and dialogs. */
import { useEffect, useRef } from 'preact/hooks';
import { Confirmation, Telling } from './parts/acts.tsx';
import { Login, LoginState } from './parts/login.tsx';
import { Held, useHeld } from './pages/held.tsx';
import { Letters } from './pages/letters.tsx';
import { Overview } from './pages/overview.tsx';
import { People } from './pages/people.tsx';
import { Releases } from './pages/releases.tsx';
import { Replicas } from './pages/replicas.tsx';
import { Run } from './pages/run.tsx';
import { Runs } from './pages/runs.tsx';
import { Schedules } from './pages/schedules.tsx';
import { connection, now } from './state/live.ts';
import { followAddress, linkTo, route } from './state/route.ts';
import { duration } from './words.ts';

const PAGES = [
  { name: 'overview', title: 'Overview' },
  { name: 'runs', title: 'Runs' },
  { name: 'held', title: 'Waiting' },
  { name: 'releases', title: 'Releases' },
  { name: 'people', title: 'People' },
  { name: 'schedules', title: 'Schedules' },
  { name: 'letters', title: 'Dead letters' },
  { name: 'replicas', title: 'Replicas' },
] as const;

export function App() {
  const main = useRef<HTMLElement>(null);
  const { page, argument } = route.value;
  useEffect(() => followAddress(() => main.current?.focus()), []);
  const title = PAGES.find(({ name }) => name === page)?.title ?? 'Not here';
  useEffect(() => {
    document.title = `${argument ?? title} – Nightshift`;
  }, [argument, title]);
  const skip = (event: Event) => {
    event.preventDefault();
    main.current?.focus();
  };
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        To the content
      </a>
      <header class="head">
        <div class="bar">
          <strong class="brand">Nightshift</strong>
          <ConnectionState />
          <LoginState />
        </div>
        <Navigation page={page} />
      </header>
      <main id="main" ref={main} tabIndex={-1} aria-label={argument ?? title}>
        <Page page={page} argument={argument} />
      </main>
      <Telling />
      <Confirmation />
      <Login />
    </>
  );
}

function Navigation({ page }: { page: string }) {
  const held = useHeld().length;
  return (
    <nav aria-label="Pages">
      {PAGES.map(({ name, title }) => (
        <a key={name} href={linkTo(name)} aria-current={name === page ? 'page' : undefined}>
          {title}
          {name === 'held' && held > 0 ? <span class="badge">{held}</span> : null}
        </a>
      ))}
    </nav>
  );
}

function ConnectionState() {
  const { value } = connection;
  if (value.state === 'live') return <span class="connection good">live</span>;
  if (value.state === 'connecting') return <span class="connection unsure">connecting</span>;
  const left = Math.max(0, value.untilMs - Math.max(now.value, Date.now()));
  return (
    <span class="connection bad" title={value.why}>
      not connected, again in {duration(left)}
    </span>
  );
}

function Page({ page, argument }: { page: string; argument: string | null }) {
  switch (page) {
    case 'overview':
      return <Overview />;
    case 'runs':
      return argument === null ? <Runs /> : <Run key={argument} runId={argument} />;
    case 'held':
      return <Held />;
    case 'releases':
      return <Releases />;
    case 'people':
      return <People />;
    case 'schedules':
      return <Schedules />;
    case 'letters':
      return <Letters />;
    case 'replicas':
      return <Replicas />;
    default:
      return (
        <>
          <h1>Not here</h1>
          <p>There is no page of this name.</p>
        </>
      );
  }
}
