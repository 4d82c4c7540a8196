/**
 * The section `traces` of the configuration: where spans are sent, and how many of those of requests. Where it names no
 * collector, the standard variables of OpenTelemetry do. Read by infra/telemetry/open-tracer.ts.
 */
import { z } from 'zod';
import { TextOrSecretSchema } from '../../contracts/secret.ts';
import { isLoopbackUrl } from '../../contracts/configuration/notify.ts';

const HEADER_NAME = z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/, 'the name of a header');

/** A busy door asks a hundred times a second: one in a hundred is a span or five each second. */
const REQUEST_SHARE_DEFAULT = 0.01;

export const TracesConfigSchema = z
  .strictObject({
    endpoint: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe(
        'Collector that takes OTLP over HTTP, such as `http://127.0.0.1:4318`; `/v1/traces` is put behind it. Absent: that of OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, and without these no traces.',
      ),
    headers: z
      .record(HEADER_NAME, TextOrSecretSchema)
      .default({})
      .describe('Headers for the collector, such as `{"authorization": {"env": "COLLECTOR_TOKEN"}}`.'),
    requestShare: z
      .number()
      .min(0)
      .max(1)
      .default(REQUEST_SHARE_DEFAULT)
      .describe(
        'Share of the requests to replicas that are traced. A request with a `traceparent` is traced if that says so; runs always are.',
      ),
    insecure: z
      .boolean()
      .default(false)
      .describe(
        'True: `headers` go to another machine also without encryption, where everybody on the way can read them.',
      ),
  })
  .superRefine(({ endpoint, headers, insecure }, context) => {
    if (endpoint === undefined || !URL.canParse(endpoint)) return;
    const refuse = (message: string) => context.addIssue({ code: 'custom', path: ['endpoint'], message });
    const url = new URL(endpoint);
    if (url.username !== '' || url.password !== '')
      refuse('no login in the address; write it as a header, by a secret');
    const wrong = whyReadable(url, { headers, insecure });
    if (wrong !== null) refuse(wrong);
  })
  .describe('Spans for OpenTelemetry, of runs and of requests (docs/traces.md).');
export type TracesConfig = z.infer<typeof TracesConfigSchema>;

/** Why others could read the headers that go to this address; null if they could not. It may come from the environment, too. */
export function whyReadable(
  url: URL,
  { headers, insecure }: Pick<TracesConfig, 'headers' | 'insecure'>,
): string | null {
  const isOpen = url.protocol === 'http:' && !isLoopbackUrl(url) && !insecure;
  if (!isOpen || Object.keys(headers).length === 0) return null;
  return 'over HTTP to another machine everybody on the way can read `headers`: use https, or set `insecure`';
}
