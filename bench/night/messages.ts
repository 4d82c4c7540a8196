/** Messages of the night bench to the process of its load, and back. */
import type { Login } from '../../infra/config/nats.ts';
import type { Asked, Period } from './figures.ts';

export interface LoadStart {
  readonly url: string;
  /** Of a door. */
  readonly login: Login;
  readonly model: string;
  /** Image files; requests take them in turn. */
  readonly faces: readonly Uint8Array[];
  readonly perSecond: number;
  /** The load ends by itself then. */
  readonly secondsMax: number;
}

export type ToLoad =
  | { readonly type: 'start'; readonly start: LoadStart }
  | { readonly type: 'period'; readonly period: Period }
  | { readonly type: 'stop' };
export type FromLoad = { readonly type: 'started' } | { readonly type: 'ended'; readonly asked: readonly Asked[] };
