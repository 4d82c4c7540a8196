/** Where the page stands, by the part of its address behind `#`: `#/runs/n1` is the page `runs` with the argument `n1`. */
import { computed, signal } from '@preact/signals';

const hash = signal(location.hash);

export const route = computed(() => {
  const [page = '', argument] = hash.value.replace(/^#\/?/, '').split('/');
  return { page: page === '' ? 'overview' : page, argument: argument === undefined ? null : decoded(argument) };
});

export const linkTo = (page: string, argument?: string): string =>
  `#/${page}${argument === undefined ? '' : `/${encodeURIComponent(argument)}`}`;

/** `changed`: after each change of the page. */
export function followAddress(changed: () => void): void {
  window.addEventListener('hashchange', () => {
    hash.value = location.hash;
    changed();
  });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // Somebody typed it.
  }
}
