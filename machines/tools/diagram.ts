/**
 * Writes the pipeline machine as a Mermaid state diagram to docs/pipeline.md (`npm run docs:machine`); with `--check`
 * it writes nothing and fails when the file has drifted from the machine.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { StateNode } from 'xstate';
import { pipelineMachine } from '../pipeline.machine.ts';

const FILE = new URL('../../docs/pipeline.md', import.meta.url);

export function renderDiagram(): string {
  return [
    '# The pipeline machine',
    '',
    'Generated from `machines/pipeline.machine.ts` by `npm run docs:machine`; edits here are lost.',
    'The machine file itself can be pasted into the Stately visualizer.',
    '',
    '```mermaid',
    'stateDiagram-v2',
    ...renderChildren(pipelineMachine.root, '  '),
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

function main(check: boolean) {
  const wanted = renderDiagram();
  if (!check) return writeFileSync(FILE, wanted);
  if (existsSync(FILE) && readFileSync(FILE, 'utf8') === wanted) return;
  console.error('docs/pipeline.md differs from machines/pipeline.machine.ts: run `npm run docs:machine`');
  process.exitCode = 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main(process.argv.includes('--check'));
