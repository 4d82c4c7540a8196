/**
 * docs/configuration.md from the schema: a section for each object of settings, a row for each setting. It knows no setting
 * by name but those at which another page goes on. Called by document.ts.
 */
import { OVERRIDES } from '../config.ts';
import type { JsonSchema } from './json-schema.ts';

const INTRODUCTION = `# Configuration

Generated from the schema of the configuration by \`npm run docs:configuration\`; edits here are lost.

The configuration is \`nightshift.config.json\` in the folder where Nightshift starts, or the file that \`--config <file>\`
or \`NIGHTSHIFT_CONFIG\` names. Only the sources of a model have no default:

\`\`\`json
{
  "$schema": "./node_modules/nightshift/docs/nightshift.schema.json",
  "models": {
    "face": {
      "sources": [
        { "type": "http", "name": "auth", "url": "http://auth.internal/faces" },
        { "type": "directory", "name": "guests", "path": "/srv/guests" }
      ],
      "schedule": { "cron": "30 2 * * *", "timeZone": "Europe/Berlin" },
      "verification": { "gates": { "rank1Min": 0.95 } }
    }
  }
}
\`\`\`

Editors that know JSON Schema offer and check settings by [nightshift.schema.json](nightshift.schema.json), if \`$schema\`
names that file. A setting that does not exist is refused at the start (\`CONFIG_INVALID\`), with the nearest that do.

The section \`models\` counts once it is applied: at the start of a server of one's own, else by \`nightshift apply\`
([operations.md](operations.md#the-configuration-of-the-system)). A run keeps the copy of its model's settings with which it
started, so a change holds for later runs only. Programs, paths, addresses and modules are in neither: each machine takes those
of its own file when it uses them ([local.md](local.md)). All other sections are each process's own.
`;

/** Section -> the page that goes on. */
const PAGES: Readonly<Record<string, string>> = {
  nats: '[nats.md](nats.md)',
  inference: '[serving.md](serving.md)',
  local: '[local.md](local.md)',
  retention: '[forgetting.md](forgetting.md#absence)',
  'models.<name>.faces': '[faces.md](faces.md)',
  'models.<name>.training': '[training.md](training.md)',
  'models.<name>.training.command': '[training-command.md](training-command.md)',
  'models.<name>.deployment': '[deployment.md](deployment.md)',
  'models.<name>.deployment.approval': '[operations.md](operations.md#approval)',
  'models.<name>.timeouts': '[operations.md](operations.md#deadlines-and-retries)',
  'models.<name>.schedule': '[schedule.md](schedule.md)',
};

export function renderPage(schema: JsonSchema): string {
  return [INTRODUCTION, ENVIRONMENT, ...sections('', schema)].join('\n');
}

const ENVIRONMENT = [
  '## Environment\n',
  'A variable that is set and not empty is stronger than the file. `NATS_PASSWORD` and `NATS_TOKEN` hold the secret itself;\n' +
    '`NATS_CREDS`, `NATS_NKEY`, `NATS_CA`, `NATS_CERT` and `NATS_KEY` hold the path of a file.\n',
  ...table(
    ['Variable', 'Setting'],
    Object.entries(OVERRIDES).map(([variable, setting]) => [code(variable), code(setting)]),
  ),
].join('\n');

/** The section of an object of settings, followed by those of the objects in it. */
function sections(path: string, schema: JsonSchema): string[] {
  const body = bodyOf(schema);
  const head = path === '' ? '## The file\n' : `## \`${path}\`\n`;
  const page = PAGES[path];
  const text = [schema.description ?? body.description, page && `More: ${page}.`].filter(Boolean).join(' ');
  const own = [head, ...(text ? [`${text}\n`] : []), ...(body.oneOf ?? [body]).flatMap(rows)];
  return [own.join('\n'), ...insideOf(path, body).flatMap(([inner, at]) => sections(at, inner))];
}

/** A variant of a union begins with the value that tells it from the others. */
function rows({ properties = {}, required = [] }: JsonSchema): string[] {
  const all = Object.entries(properties);
  const variant = all.filter(([, { const: value }]) => value !== undefined);
  const lines = variant.map(([name, it]) => `**\`"${name}": ${JSON.stringify(it.const)}\`** ${it.description ?? ''}\n`);
  const cells = all
    .filter(([, it]) => it.const === undefined)
    .map(([name, it]) => [
      code(name),
      placeOf(it) ?? typeOf(it),
      defaultOf(name, it, required.includes(name)),
      it.description ?? '',
    ]);
  return cells.length === 0 ? lines : [...lines, ...table(['Setting', 'Type', 'Default', 'Meaning'], cells)];
}

/** Objects of settings that have a section of their own, each with its path. */
function insideOf(path: string, { properties = {} }: JsonSchema): [JsonSchema, string][] {
  return Object.entries(properties)
    .filter(([, inner]) => hasSection(inner))
    .map(([name, inner]) => [inner, [path, name + (isMap(inner) ? '.<name>' : '')].filter(Boolean).join('.')]);
}

const isMap = ({ additionalProperties: each }: JsonSchema) => typeof each === 'object' && each.properties !== undefined;
const bodyOf = (schema: JsonSchema): JsonSchema =>
  isMap(schema) ? (schema.additionalProperties as JsonSchema) : (schema.items ?? schema); // isMap says that it is one.

function hasSection(schema: JsonSchema): boolean {
  const { properties, oneOf } = bodyOf(schema);
  return properties !== undefined || oneOf !== undefined;
}

function placeOf(schema: JsonSchema): string | null {
  if (!hasSection(schema)) return null;
  return schema.items ? 'list, see below' : 'see below';
}

function typeOf(schema: JsonSchema): string {
  if (schema.$ref) return 'layer';
  if (schema.enum) return schema.enum.map((value) => code(value)).join(', ');
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(' or ');
  if (schema.properties) return `{${Object.keys(schema.properties).map(code).join(', ')}}`;
  if (schema.const !== undefined) return code(schema.const);
  if (schema.items) return `list of ${typeOf(schema.items)}`;
  if (schema.format === 'uri') return 'URL';
  if (schema.type === 'object' && isSecretMap(schema)) return 'texts or secrets by name';
  if (schema.type === 'object') return isTextMap(schema) ? 'texts by name' : 'object';
  if (schema.type === 'boolean') return '`true`, `false`';
  return schema.type === 'string' ? 'text' : numberOf(schema);
}

const isSecretMap = ({ additionalProperties: each }: JsonSchema) =>
  typeof each === 'object' && each.anyOf?.[0]?.type === 'string';
const isTextMap = ({ additionalProperties: each }: JsonSchema) => typeof each === 'object' && each.type === 'string';

function numberOf({ type, minimum, maximum, exclusiveMinimum }: JsonSchema): string {
  const word = type === 'integer' ? 'whole number' : 'number';
  const from = exclusiveMinimum === undefined ? minimum : exclusiveMinimum;
  if (from === undefined || from === Number.MIN_SAFE_INTEGER) return word;
  const start = exclusiveMinimum === undefined ? `from ${from}` : `above ${from}`;
  return `${word} ${start}${maximum === undefined ? '' : ` to ${maximum}`}`;
}

function defaultOf(name: string, schema: JsonSchema, required: boolean): string {
  if (required) return 'required';
  if (schema.default === undefined) return 'none';
  if (hasSection(schema) && !schema.oneOf) return '';
  const words = typeof schema.default === 'number' ? inWords(name, schema.default) : null;
  return code(schema.default) + (words === null ? '' : ` (${words})`);
}

const TIMES = [
  ['h', 3600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const;
const SIZES = [
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
] as const;

/** `14400000` of a setting in milliseconds -> `4 h`; null if no larger unit says it. */
function inWords(name: string, value: number): string | null {
  const units = name.endsWith('Ms') ? TIMES : name.endsWith('Bytes') ? SIZES : [];
  const unit = units.find(([, size]) => value >= size && value % size === 0);
  return unit ? `${value / unit[1]} ${unit[0]}` : null;
}

function code(value: unknown): string {
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

function table(head: readonly string[], body: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...body.map(line), ''];
}
