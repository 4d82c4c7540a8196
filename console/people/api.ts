/** Questions of the page People to the gateway: their addresses, and the answers in sentences. */
import type { EnrollReply, PendingChange, RejectedChange, RemoveReply } from '../../contracts/inference.ts';
import type { ForgetReport } from '../../contracts/forgetting.ts';
import { getJson, postForm, postJson } from '../state/api.ts';

const of = (model: string, verb: string) => `/v1/${encodeURIComponent(model)}/${verb}`;

export const peoplePath = (model: string, search: string, cursor: string) => {
  const query = new URLSearchParams({ limit: '25' });
  if (search !== '') query.set('search', search);
  if (cursor !== '') query.set('cursor', cursor);
  return `${of(model, 'people')}?${query}`;
};
export const pendingPath = (model: string) => of(model, 'pending');
export const picturePath = (model: string) => of(model, 'picture');

/** Throws ApiError, as all here. */
export async function enroll(model: string, person: string, image: Blob): Promise<string> {
  // In the form, so that no log of a proxy has the name.
  return said(await postForm<EnrollReply | PendingChange>(of(model, 'enroll'), { person, image }));
}

export async function remove(model: string, person: string): Promise<string> {
  return said(await postJson<RemoveReply | PendingChange>(of(model, 'remove'), { person }));
}

export async function approve(model: string, pending: string): Promise<string> {
  return said(await postJson<EnrollReply | RemoveReply>(of(model, 'approve'), { pending }));
}

export async function reject(model: string, pending: string): Promise<string> {
  const { person, by } = await postJson<RejectedChange>(of(model, 'reject'), { pending });
  return `The change of ${person} that ${by} had asked for is rejected.`;
}

function said(reply: EnrollReply | RemoveReply | PendingChange): string {
  if ('pending' in reply) return `The change of ${reply.person} waits for a second person.`;
  if (!('images' in reply)) return `${reply.person} is removed.`;
  const images = reply.images === 1 ? '1 enrolled image' : `${reply.images} enrolled images`;
  return `${reply.person} is enrolled, with ${images}.`;
}

type Mode = ForgetReport['mode'];
interface Forgetting {
  readonly state: 'waiting' | 'working' | 'done' | 'failed';
  readonly report: ForgetReport | null;
  readonly failure: { readonly message: string } | null;
}

const LOOK_MS = 500;
/** Longer than a store of usual size takes; the order is carried out all the same. */
const LOOKS_MAX = 600;

/** Waits for the janitor. Throws its failure. */
export async function forget(person: string, mode: Mode): Promise<ForgetReport> {
  const { order } = await postJson<{ order: string }>('/people/forget', { person, mode });
  for (let look = 0; look < LOOKS_MAX; look++) {
    const { report, failure } = await getJson<Forgetting>(`/people/forget/${order}`);
    if (report !== null) return report;
    if (failure !== null) throw new Error(failure.message);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  throw new Error(`the janitor has not answered yet; the order ${order} is kept, and carried out when one runs`);
}
