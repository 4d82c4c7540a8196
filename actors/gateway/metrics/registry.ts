/**
 * The metrics of the table as prom-client keeps them. A histogram that is counted elsewhere, by replicas, is put together
 * here from their counts (`add`). Filled by the modules beside this one.
 */
import { Counter, Gauge, Histogram, Registry, type Metric } from 'prom-client';
import { definitionOf, METRICS, type MetricName } from './definitions.ts';

type Labels = Readonly<Record<string, string>>;

export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
  inc(name: MetricName, labels?: Labels, by?: number): void;
  set(name: MetricName, labels: Labels, value: number): void;
  observe(name: MetricName, labels: Labels, value: number): void;
  /** Counts of a class each, the last without a bound, and the sum of all values. `bounds` is the same at each call. */
  add(name: MetricName, labels: Labels, bounds: readonly number[], counts: readonly number[], sum: number): void;
  /** Values of a gauge that are set no more go with it. */
  clear(name: MetricName): void;
  /** All values with this one, such as those of an old release. */
  drop(name: MetricName, labels: Labels): void;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  const counters = new Map<MetricName, Counter>();
  const gauges = new Map<MetricName, Gauge>();
  const histograms = new Map<MetricName, Histogram>();
  const counted = new Map<MetricName, CountedHistogram>();
  for (const name of Object.keys(METRICS) as MetricName[]) {
    const { type, help, labels, buckets } = definitionOf(name);
    const options = { name, help, labelNames: [...labels], registers: [registry] };
    if (type === 'counter') counters.set(name, new Counter(options));
    else if (type === 'gauge') gauges.set(name, new Gauge(options));
    else if (buckets) histograms.set(name, new Histogram({ ...options, buckets: [...buckets] }));
    else {
      const metric = new CountedHistogram(name, help);
      counted.set(name, metric);
      // It has all that a registry asks of a metric; the library's type is the union of its own classes.
      registry.registerMetric(metric as unknown as Metric);
    }
  }
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    inc: (name, labels = {}, by = 1) => counters.get(name)!.inc(labels, by),
    set: (name, labels, value) => gauges.get(name)!.set(labels, value),
    observe: (name, labels, value) => histograms.get(name)!.observe(labels, value),
    add: (name, labels, bounds, counts, sum) => counted.get(name)!.add(labels, bounds, counts, sum),
    clear: (name) => gauges.get(name)!.reset(),
    drop: (name, labels) => (counters.get(name) ?? counted.get(name))!.remove(labels),
  };
}

interface Row {
  readonly labels: Labels;
  readonly bounds: readonly number[];
  readonly counts: number[];
  sum: number;
}

/** As a registry of prom-client asks for it. */
class CountedHistogram {
  readonly name: string;
  readonly help: string;
  readonly type = 'histogram';
  readonly #rows = new Map<string, Row>();

  constructor(name: string, help: string) {
    this.name = name;
    this.help = help;
  }

  add(labels: Labels, bounds: readonly number[], counts: readonly number[], sum: number): void {
    const key = JSON.stringify(labels);
    const row = this.#rows.get(key) ?? { labels, bounds, counts: counts.map(() => 0), sum: 0 };
    counts.forEach((count, index) => (row.counts[index]! += count));
    row.sum += sum;
    this.#rows.set(key, row);
  }

  remove(labels: Labels): void {
    this.#rows.delete(JSON.stringify(labels));
  }

  get() {
    const { name, help, type } = this;
    return Promise.resolve({
      name,
      help,
      type,
      values: [...this.#rows.values()].flatMap((row) => this.#valuesOf(row)),
    });
  }

  #valuesOf({ labels, bounds, counts, sum }: Row) {
    let total = 0;
    const buckets = counts.map((count, index) => {
      total += count;
      const le = index < bounds.length ? String(bounds[index]) : '+Inf';
      return { metricName: `${this.name}_bucket`, labels: { ...labels, le }, value: total };
    });
    return [
      ...buckets,
      { metricName: `${this.name}_sum`, labels, value: sum },
      { metricName: `${this.name}_count`, labels, value: total },
    ];
  }
}
