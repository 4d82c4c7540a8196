/** The console of the gateway: begins the page. What it shows is in pages/; what it knows is in state/. */
import 'uplot/dist/uPlot.min.css';
import './style.css';
import { render } from 'preact';
import { App } from './app.tsx';
import { learnMe } from './parts/login.tsx';
import { listen } from './state/live.ts';
import { loginAsked } from './state/session.ts';

const root = document.getElementById('app')!; // index.html has it.
root.replaceChildren();
render(<App />, root);
listen();
learnMe().catch((error: unknown) => (loginAsked.value = (error as Error).message));
