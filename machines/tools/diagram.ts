/** The pipeline machine as a Mermaid state diagram: the text of docs/pipeline.md. */
import type { StateNode } from 'xstate';
import { pipelineMachine } from '../pipeline.machine.ts';

export function renderDiagram(machine: { readonly root: unknown } = pipelineMachine): string {
  return [
    '# The pipeline machine',
    '',
    'Generated from `machines/pipeline.machine.ts` by `npm run machine:export`; edits here are lost.',
    '`pipeline.visualizer.js` opens in the Stately visualizer; `pipeline.json` is the machine as data.',
    '',
    '```mermaid',
    'stateDiagram-v2',
    ...renderChildren(machine.root, '  '),
    '```',
    '',
  ].join('\n');
}

type Node = StateNode<never, never>;
const name = (node: { path: string[] }) => node.path.join('_');
const label = (node: { key: string }) => node.key;

function renderChildren(parent: unknown, indent: string): string[] {
  // StateNode's type parameters do not matter for reading its structure.
  const node = parent as Node;
  const children = Object.values(node.states) as unknown as Node[];
  const lines = children.flatMap((child) => renderState(child, indent));
  const initial = node.initial.target[0];
  return [`${indent}[*] --> ${name(initial as unknown as Node)}`, ...lines];
}

function renderState(node: Node, indent: string): string[] {
  const lines = [`${indent}state "${label(node)}" as ${name(node)}`];
  if (Object.keys(node.states).length > 0) {
    lines.push(`${indent}state ${name(node)} {`, ...renderChildren(node, `${indent}  `), `${indent}}`);
  }
  if (node.type === 'final') lines.push(`${indent}${name(node)} --> [*]`);
  return [...lines, ...renderTransitions(node, indent)];
}

function renderTransitions(node: Node, indent: string): string[] {
  const transitions = [...[...node.transitions.values()].flat(), ...(node.always ?? [])];
  return transitions.flatMap(({ target, eventType, guard }) =>
    (target ?? []).map((to) => {
      const condition = typeof guard === 'string' ? ` [${guard}]` : '';
      return `${indent}${name(node)} --> ${name(to as unknown as Node)}: ${describe(String(eventType))}${condition}`;
    }),
  );
}

/** `xstate.after.backoff.pipeline.retrying` is `after backoff` to a reader; an eventless transition is `always`. */
const describe = (eventType: string) => {
  const after = /^xstate\.after\.([^.]+)\./.exec(eventType);
  return after ? `after ${after[1]}` : eventType || 'always';
};
