/**
 * Where each command block of the documents is run, and which ones no test runs, with the reason. A block is named by its
 * document and the beginning of its text; `*`: all blocks of the document. Reviewed by hand; test/docs-commands.test.ts
 * holds it against the documents, and each test that is named here holds it against what it has run.
 */
export type BlockName = readonly [document: string, begins: string];

export const BY_SYSTEM = 'test/e2e/documents.test.ts';
export const BY_TUTORIAL = 'test/e2e/tutorial.test.ts';
const BY_FACES = 'test/e2e/tutorial-real-faces.test.ts';

export const RUN: Readonly<Record<string, readonly BlockName[]>> = {
  [BY_SYSTEM]: [
    ['README.md', 'npm start'],
    ['README.md', 'npx nightshift auth context'],
    ['docs/api.md', '*'],
    ['docs/data.md', '*'],
    ['docs/forgetting.md', '*'],
    ['docs/gallery.md', 'nightshift enroll'],
    ['docs/gateway.md', '*'],
    ['docs/metrics.md', '*'],
    ['docs/operations.md', '*'],
    ['docs/report.md', '*'],
    ['docs/schedule.md', '*'],
    ['docs/security.md', '*'],
    ['docs/serving.md', '*'],
    ['docs/symptoms.md', '*'],
  ],
  [BY_TUTORIAL]: [['docs/tutorial.md', '*']],
  [BY_FACES]: [['docs/tutorial-real-faces.md', '*']],
};

const BENCH = 'a bench takes minutes to hours, and pictures or a card that are no part of the project';
const OTHER_MACHINES = 'it speaks to machines of a company, which are not there';
const MODELS =
  'it needs pretrained models and photographs, which are no part of the project; test/e2e/cli-backbone.test.ts, cli-faces.test.ts';

export const NOT_RUN: Readonly<Record<string, readonly BlockName[]>> = {
  'it runs all tests, or a demo of two minutes, which test/e2e/demo.test.ts starts': [
    ['README.md', 'npm ci && npm run demo'],
    ['README.md', 'npm ci && npm test'],
    ['CONTRIBUTING.md', 'npm ci'],
  ],
  [BENCH]: [
    ['docs/accuracy.md', '*'],
    ['docs/decision.md', '*'],
    ['docs/saga-performance.md', '*'],
    ['docs/training-performance.md', '*'],
  ],
  'test/e2e/badge-digits.test.ts runs this night, on a port of its own': [['docs/classes.md', '*']],
  'it needs Docker, Kubernetes, or a systemd of its own; test/deploy': [['docs/deploy.md', '*']],
  'its first line needs Docker; test/e2e/traces.test.ts sends to a receiver of its own': [['docs/traces.md', '*']],
  [MODELS]: [
    ['docs/faces.md', '*'],
    ['docs/training.md', '*'],
  ],
  'it needs two people with logins of their own; test/e2e/cli-who.test.ts runs its lines': [
    ['docs/gallery.md', 'nightshift --as alice'],
  ],
  'it installs a package of the whole program; test/e2e/package.test.ts does so': [['docs/installation.md', 'npm i ']],
  [OTHER_MACHINES]: [
    ['docs/installation.md', 'NATS_URL='],
    ['docs/nats.md', '*'],
  ],
  'it installs a package of Python, with which test/services/signing compares': [['docs/signed-releases.md', '*']],
};
