/**
 * Lifts a graph of ONNX operators 7 to 12 to the version that Nightshift writes. Every operator is looked up: the same
 * in all versions (unchanged.ts), rewritten to nodes that compute the same (rewrites.ts), or refused by its name.
 * Called by import.ts, which then compares the outputs before and after.
 */
import type { onnx } from 'onnx-proto';
import { OPSET } from '../../onnx/encoding.ts';
import { constantsOf, hasSubgraph, usedNames, type Node } from '../graph-tools.ts';
import { REWRITES, Refusal, type Rewriting } from './rewrites.ts';
import { UNCHANGED } from './unchanged.ts';

/** The oldest version with today's rules of broadcasting. */
export const OPSET_OLDEST = 7;
/** From this one on files are used as they are. */
export const OPSET_KEPT = 13;

export interface Lifted {
  readonly model: onnx.IModelProto;
  /** Operators that were written anew, with how many nodes each. */
  readonly rewritten: Readonly<Record<string, number>>;
}

export interface LiftOptions {
  /** Reads flat PReLU slopes as one per channel, as mxnet's exporter means them and no runtime does. */
  readonly slopesPerChannel?: boolean;
}

/** Throws an Error that names every operator that cannot be taken over exactly, and why. */
export function lift(model: onnx.IModelProto, from: number, { slopesPerChannel = false }: LiftOptions = {}): Lifted {
  const graph = model.graph!;
  const rewritten: Record<string, number> = {};
  const refused = new Set<string>();
  const initializer = [...(graph.initializer ?? [])];
  const rewriting: Rewriting = {
    from,
    slopesPerChannel,
    constants: constantsOf(graph),
    used: usedNames(graph),
    keep: (tensor) => void initializer.push(tensor),
  };
  const node = (graph.node ?? []).flatMap((old) => {
    try {
      const nodes = liftNode(old, rewriting);
      if (nodes[0] !== old) rewritten[old.opType!] = (rewritten[old.opType!] ?? 0) + 1;
      return nodes;
    } catch (cause) {
      if (!(cause instanceof Refusal)) throw cause;
      refused.add(`${old.opType}${cause.message && ` (${cause.message})`}`);
      return [];
    }
  });
  if (refused.size > 0) throw new Error(refusalText([...refused], from));
  const others = (model.opsetImport ?? []).filter(({ domain }) => domain && domain !== 'ai.onnx');
  return {
    model: {
      ...model,
      opsetImport: [{ domain: '', version: OPSET }, ...others],
      graph: { ...graph, node, initializer },
    },
    rewritten,
  };
}

function liftNode(node: Node, rewriting: Rewriting): Node[] {
  // Operators of other domains do not change with this version; onnxruntime says whether it has them.
  if (node.domain && node.domain !== 'ai.onnx') return [node];
  if (hasSubgraph(node)) throw new Refusal('it holds graphs of its own');
  const rewrite = REWRITES[node.opType ?? ''];
  if (rewrite) return rewrite(node, rewriting);
  if (UNCHANGED.has(node.opType ?? '')) return [node];
  throw new Refusal('');
}

const refusalText = (refused: readonly string[], from: number): string =>
  `of its operators (version ${from}) these cannot be converted to version ${OPSET} with the same result: ` +
  `${refused.join('; ')}; export it again with version ${OPSET_KEPT} or later`;
