/**
 * The gateway's JSON API for this page: with the token of whoever has logged in, and with errors in words. No other place
 * of the console calls `fetch`, but for the stream of events.
 */
import type { Outcome } from '../../contracts/commands.ts';
import type { CtlSubject } from '../../contracts/subjects.ts';
import { authorization } from './session.ts';

const ROOT = '/api/v1';
/** Longer than the gateway itself waits for an answer. */
const PATIENCE_MS = 20_000;

/** A problem after RFC 9457, or that nobody answered at all. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** The readiness of the parts lies beside the API. */
export const PARTS_PATH = '/readyz/parts';
/** The data plane has its own root. */
const MODELS_ROOT = '/v1/';
export const apiPath = (path: string) =>
  path === PARTS_PATH || path.startsWith(MODELS_ROOT) ? path : `${ROOT}${path}`;

export async function getJson<T>(path: string): Promise<T> {
  const response = await call(path, { headers: authorization() });
  return (await response.json()) as T; // As docs/openapi.json has it, of the same version of the program.
}

export async function getText(path: string): Promise<string> {
  return (await call(path, { headers: authorization() })).text();
}

/** Throws ApiError also for a command that is refused. */
export async function command(subject: CtlSubject, data: object): Promise<Outcome> {
  // As the gateway names them: the two last tokens of the subject.
  return postJson<Outcome>(`/commands/${subject.split('.').slice(2).join('/')}`, data);
}

export async function postJson<T>(path: string, data: object): Promise<T> {
  return (await (await posted(path, data)).json()) as T; // As getJson.
}

/** Each text or file is a field. */
export async function postForm<T>(path: string, fields: Readonly<Record<string, string | Blob>>): Promise<T> {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.set(name, value);
  return (await (await call(path, { method: 'POST', headers: authorization(), body })).json()) as T; // As getJson.
}

/** The bytes that are answered as the address of an image: a link could not carry the token. */
export async function pictureAt(path: string, data: object): Promise<string> {
  const blob = await (await posted(path, data)).blob();
  const reader = new FileReader();
  return new Promise((resolve, reject) => {
    reader.onload = () => resolve(reader.result as string); // As readAsDataURL has it.
    reader.onerror = () => reject(new ApiError(0, 'UNREADABLE', 'the picture cannot be read'));
    reader.readAsDataURL(blob);
  });
}

function posted(path: string, data: object): Promise<Response> {
  const headers = { ...authorization(), 'content-type': 'application/json' };
  return call(path, { method: 'POST', headers, body: JSON.stringify(data) });
}

async function call(path: string, init: RequestInit): Promise<Response> {
  const response = await fetch(apiPath(path), { ...init, signal: AbortSignal.timeout(PATIENCE_MS) }).catch(
    (cause: unknown) => {
      throw new ApiError(0, 'UNREACHABLE', `the gateway does not answer: ${(cause as Error).message}`);
    },
  );
  // A system that is not ready says so with 503, and says why.
  if (response.ok || (path === PARTS_PATH && isJson(response))) return response;
  throw await problemOf(response);
}

const isJson = ({ headers }: Response) => headers.get('content-type')?.startsWith('application/json') ?? false;

async function problemOf(response: Response): Promise<ApiError> {
  const text = await response.text();
  if (!response.headers.get('content-type')?.startsWith('application/problem+json'))
    return new ApiError(response.status, 'HTTP', `the gateway answered ${response.status}`);
  const { title, detail } = JSON.parse(text) as { title: string; detail: string }; // RFC 9457, as problems.ts makes it.
  return new ApiError(response.status, title, detail);
}
