/**
 * The statechart of a run, drawn from the machine itself: its states one below the other in the order of the machine, ways
 * forward to the right of them and ways back to the left. The way taken is drawn strong, and the state it stands in is lit.
 */
import { stateInWords } from '../../contracts/run-words.ts';
import { wayThrough, type Edge, type Graph } from './graph.ts';

const ROW = 30;
const TOP = 8;
const BOX = { left: 82, width: 196, height: 22 };
const WIDTH = 360;
/** The longest way still lies within the picture. */
const REACH = 70;

interface Shown {
  readonly graph: Graph;
  /** Of the run, in their order. */
  readonly states: readonly string[];
}

export function Statechart({ graph, states }: Shown) {
  const { nodes, edges } = graph;
  const rowOf = new Map(nodes.map(({ name }, row) => [name, row]));
  const current = states.at(-1);
  const way = wayThrough(graph, states);
  const visited = new Set([...states, ...way.flatMap(({ from, to }) => [from, to])]);
  const height = TOP * 2 + nodes.length * ROW;
  const said = states.map((state) => stateInWords(state)).join(', then ');
  const draw = (edge: Edge, look: string) => {
    const [from, to] = [rowOf.get(edge.from), rowOf.get(edge.to)];
    if (from === undefined || to === undefined) return null;
    return <path key={`${look} ${edge.from} ${edge.to}`} class={`edge ${look}`} d={arc(from, to, nodes.length)} />;
  };
  return (
    <figure class="statechart">
      <svg viewBox={`0 0 ${WIDTH} ${height}`} role="img" aria-label={`The way of the run: ${said}.`}>
        {edges.map((edge) => draw(edge, 'possible'))}
        {distinct(way).map((edge) => draw(edge, 'taken'))}
        {nodes.map(({ name, isFinal, isPassing }, row) => {
          const look = name === current ? 'current' : visited.has(name) ? 'visited' : 'idle';
          const y = TOP + row * ROW;
          return (
            <g key={name} class={`node ${look} ${isFinal ? 'final' : ''} ${isPassing ? 'passing' : ''}`}>
              <rect x={BOX.left} y={y} width={BOX.width} height={BOX.height} rx={isFinal ? 11 : 4} />
              <text x={BOX.left + BOX.width / 2} y={y + 15} text-anchor="middle">
                {stateInWords(name)}
              </text>
            </g>
          );
        })}
      </svg>
      <figcaption>
        Strong: the way taken. Filled: where it stands. Rounded: an end. Right: forward; left: back.
      </figcaption>
    </figure>
  );
}

/** A bow from the edge of one box to that of the other, the wider the further. */
function arc(from: number, to: number, rows: number): string {
  const isForward = to > from;
  const x = isForward ? BOX.left + BOX.width : BOX.left;
  const wide = 10 + REACH * Math.sqrt(Math.abs(to - from) / rows);
  const [y1, y2] = [from, to].map((row) => TOP + row * ROW + BOX.height / 2) as [number, number];
  const [start, end] = isForward ? [y1 + 4, y2 - 4] : [y1 - 4, y2 + 4];
  const bow = isForward ? x + wide : x - wide;
  const head = isForward ? 5 : -5;
  return `M${x} ${start} C${bow} ${start} ${bow} ${end} ${x} ${end} m${head} -3 l${-head} 3 l${head} 3`;
}

const distinct = (edges: readonly Edge[]): readonly Edge[] => [
  ...new Map(edges.map((edge) => [`${edge.from} ${edge.to}`, edge])).values(),
];
