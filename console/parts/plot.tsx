/** A plot by uPlot that keeps to the width of its place and to the colours of the page, light and dark. */
import uPlot from 'uplot';
import { useEffect, useRef } from 'preact/hooks';

export interface Line {
  readonly label: string;
  /** Name of a colour of style.css, such as `--candidate`. */
  readonly color: string;
  readonly scale?: 'y' | 'right';
  readonly dash?: readonly number[];
}

export interface PlotProps {
  /** In words: all that the plot tells to those who do not see it. */
  readonly label: string;
  /** Numbers below, then each line's; null where there is none. */
  readonly data: readonly (readonly (number | null)[])[];
  readonly lines: readonly Line[];
  /** Below: seconds since 1970, or plain numbers. */
  readonly isTime?: boolean;
  readonly axes?: readonly [string, string?];
  /** Of the numbers below, where something happened. */
  readonly marks?: readonly number[];
  readonly height?: number;
}

/** Passes of a training are counted. */
const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500];

const colorOf = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const darkness = matchMedia('(prefers-color-scheme: dark)');

export function Plot({ label, data, lines, isTime = false, axes = [''], marks = [], height = 180 }: PlotProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const marked = useRef(marks);
  marked.current = marks;
  const make = () => {
    plot.current?.destroy();
    const { clientWidth: width } = place.current!; // In the page, as this runs after it was drawn.
    const options = optionsOf({ lines, isTime, axes, width, height, marks: () => marked.current });
    plot.current = new uPlot(options, data as uPlot.AlignedData, place.current!);
  };
  useEffect(() => {
    make();
    const resized = new ResizeObserver(([entry]) => plot.current?.setSize({ width: entry!.contentRect.width, height }));
    resized.observe(place.current!);
    darkness.addEventListener('change', make);
    return () => {
      resized.disconnect();
      darkness.removeEventListener('change', make);
      plot.current?.destroy();
      plot.current = null;
    };
  }, []);
  useEffect(() => plot.current?.setData(data as uPlot.AlignedData), [data]);
  return (
    <figure class="plot">
      <div ref={place} role="img" aria-label={label} />
      <figcaption class="keys">
        {lines.map(({ label: name, color }) => (
          <span class="key" key={name}>
            <span class={`swatch ${color.slice(2)}`} />
            {name}
          </span>
        ))}
      </figcaption>
    </figure>
  );
}

interface Wanted {
  readonly lines: readonly Line[];
  readonly isTime: boolean;
  readonly axes: readonly [string, string?];
  readonly width: number;
  readonly height: number;
  readonly marks: () => readonly number[];
}

function optionsOf({ lines, isTime, axes, width, height, marks }: Wanted): uPlot.Options {
  const [text, rule] = [colorOf('--muted'), colorOf('--rule')];
  const look = {
    stroke: text,
    grid: { stroke: rule, width: 1 },
    ticks: { stroke: rule, width: 1 },
    font: '12px system-ui',
  };
  const hasRight = lines.some(({ scale }) => scale === 'right');
  return {
    ...{ width, height, legend: { show: false }, cursor: { show: false } },
    scales: { x: { time: isTime } },
    series: [
      {},
      ...lines.map(({ label, color, scale = 'y', dash }) => ({
        ...{ label, scale, stroke: colorOf(color), width: 2, points: { size: 5 } },
        ...(dash ? { dash: [...dash] } : {}),
      })),
    ],
    axes: [
      { ...look, size: 28, ...(isTime ? {} : { incrs: WHOLE }) },
      { ...look, scale: 'y', size: 52, label: axes[0], labelSize: 18, labelFont: '12px system-ui' },
      ...(hasRight
        ? [
            {
              ...look,
              scale: 'right',
              side: 1 as const,
              size: 52,
              label: axes[1] ?? '',
              labelSize: 18,
              labelFont: '12px system-ui',
              grid: { show: false },
            },
          ]
        : []),
    ],
    hooks: { draw: [(plot) => drawMarks(plot, marks(), colorOf('--champion'))] },
  };
}

function drawMarks(plot: uPlot, marks: readonly number[], color: string): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = color;
  ctx.setLineDash([4, 4]);
  for (const mark of marks) {
    const x = plot.valToPos(mark, 'x', true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}
