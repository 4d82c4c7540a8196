/**
 * The machine of a run (docs/pipeline.json, as `/api/v1/statechart` gives it) as nodes and edges to draw, and the way that
 * a run took through it. Pure.
 */

export interface MachineState {
  readonly type?: string;
  readonly on?: Readonly<Record<string, Transitions>>;
  readonly after?: Readonly<Record<string, Transitions>>;
  readonly always?: Transitions;
  readonly states?: Readonly<Record<string, MachineState>>;
}
type Transition = string | { readonly target?: string };
type Transitions = Transition | readonly Transition[];

export interface Node {
  readonly name: string;
  readonly isFinal: boolean;
  /** It is left at once: no run stands in it. */
  readonly isPassing: boolean;
}
export interface Edge {
  readonly from: string;
  readonly to: string;
}
export interface Graph {
  readonly nodes: readonly Node[];
  readonly edges: readonly Edge[];
}

/** Facts of a worker are taken by the whole machine; they come while the run is in the worker's stage. */
const STATE_OF_WORK: Readonly<Record<string, string>> = {
  collect: 'collecting',
  train: 'training',
  verify: 'verifying',
};

export function graphOf({ on = {}, states = {} }: MachineState): Graph {
  const nodes = Object.entries(states).map(([name, state]) => ({
    name,
    isFinal: state.type === 'final',
    isPassing: state.always !== undefined,
  }));
  const ofWork = (name: string) => Object.entries(on).filter(([event]) => STATE_OF_WORK[event.split('.')[0]!] === name);
  const edges = Object.entries(states).flatMap(([from, state]) => {
    const facts = { on: Object.fromEntries(ofWork(from)) };
    const targets = new Set([...targetsIn(facts, states), ...targetsIn(state, states)]);
    return [...targets].filter((to) => to !== from).map((to) => ({ from, to }));
  });
  return { nodes, edges };
}

/** Of the state and all within it, as far as they lead to a state of the top. */
function targetsIn(state: MachineState, top: Readonly<Record<string, MachineState>>): string[] {
  const own = [...Object.values(state.on ?? {}), ...Object.values(state.after ?? {}), state.always ?? []].flat();
  const targets = own.flatMap((it) => (typeof it === 'string' ? it : (it.target ?? [])));
  const names = targets.map((target) => target.replace(/^#[^.]*\.|^\./, '').split('.')[0]!);
  const inner = Object.values(state.states ?? {}).flatMap((it) => targetsIn(it, top));
  return [...names, ...inner].filter((name) => Object.hasOwn(top, name));
}

/** The states in their order, as a time line has them, with what is passed at once between two of them. */
export function wayThrough({ nodes, edges }: Graph, states: readonly string[]): readonly Edge[] {
  const passing = new Set(nodes.filter(({ isPassing }) => isPassing).map(({ name }) => name));
  const way: Edge[] = [];
  for (const [index, to] of states.entries()) {
    const from = states[index - 1];
    if (from !== undefined && from !== to) way.push(...shortest(edges, passing, from, to));
  }
  return way;
}

/** Straight, if no way leads through states that are left at once: the machine's events may lead anywhere. */
function shortest(edges: readonly Edge[], passing: ReadonlySet<string>, from: string, to: string): readonly Edge[] {
  const ways: string[][] = [[from]];
  const seen = new Set<string>([from]);
  for (const way of ways) {
    for (const edge of edges.filter((it) => it.from === way.at(-1))) {
      if (edge.to === to) return pairs([...way, to]);
      if (!passing.has(edge.to) || seen.has(edge.to)) continue;
      seen.add(edge.to);
      ways.push([...way, edge.to]);
    }
  }
  return [{ from, to }];
}

const pairs = (names: readonly string[]): Edge[] => names.slice(1).map((to, index) => ({ from: names[index]!, to }));
