/**
 * Who looks at the page: the token, kept for this tab alone, and the gateway's word on whose it is. A token goes into the
 * header of requests and nowhere else.
 */
import { computed, signal } from '@preact/signals';

const KEPT_AS = 'nightshift-token';

export interface Me {
  readonly name: string;
  readonly role: string;
  readonly who: string | null;
  readonly may: readonly string[];
}

export const token = signal<string | null>(sessionStorage.getItem(KEPT_AS));
export const me = signal<Me | null>(null);
/** Why the login is asked for; null: it is not. */
export const loginAsked = signal<string | null>(null);

/** The aims of a request that take a role, as the gateway names them, and that role. */
const ROLE_FOR = {
  command: 'operator',
  evidence: 'operator',
  approve: 'operator',
  gallery: 'enroller',
  people: 'enroller or operator',
} as const;
export type Right = keyof typeof ROLE_FOR;

export const may = (right: Right): boolean => me.value?.may.includes(right) ?? false;
export const maySeeEvidence = computed(() => may('evidence'));

export function keepToken(value: string | null): void {
  if (value === null) sessionStorage.removeItem(KEPT_AS);
  else sessionStorage.setItem(KEPT_AS, value);
  token.value = value;
}

export const authorization = (): Record<string, string> =>
  token.value === null ? {} : { authorization: `Bearer ${token.value}` };

/** In words, why an act is not for this caller. */
export function refusal(right: Right = 'command'): string {
  const role = ROLE_FOR[right];
  if (me.value === null || me.value.name === 'anonymous')
    return `You are looking without a login. This takes the role ${role}: log in with its token.`;
  return `You are logged in as ${me.value.name}, who is ${me.value.role}. This takes the role ${role}.`;
}
