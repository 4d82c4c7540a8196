/**
 * Opens the tracer of an actor if somebody wants traces, by the configuration or by the standard variables of OpenTelemetry.
 * The code of OpenTelemetry is loaded then and not before. Called by main.ts.
 */
import { PipelineError } from '../../contracts/errors.ts';
import type { Logger } from '../../runtime/logger.ts';
import { readSecret } from '../../runtime/secrets.ts';
import { whyReadable, type TracesConfig } from '../config/traces.ts';
import type { Tracer } from './tracer.ts';

export interface TracerOptions {
  readonly config: { readonly traces: TracesConfig; readonly nats: { readonly namespace: string } };
  /** Of whom the spans are: the actor. */
  readonly actor: string;
  readonly log: Logger;
  readonly env?: NodeJS.ProcessEnv;
}

const ENDPOINTS = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'] as const;

/** Null if nobody wants any. Throws CONFIG_INVALID for a header whose secret is not there, or that others could read. */
export async function openTracer({ env = process.env, ...options }: TracerOptions): Promise<Tracer | null> {
  const { config, actor, log } = options;
  const { traces, nats } = config;
  const endpoint = endpointOf(traces, env);
  if (endpoint === null) return null;
  const headers = headersOf(traces, env);
  const { createTracer } = await import('./otlp.ts');
  log.info({ endpoint: shown(endpoint) }, 'traces: spans are sent to a collector');
  return createTracer({
    ...{ endpoint, headers, actor, log, namespace: nats.namespace },
    ...{ requestShare: traces.requestShare, shown: shown(endpoint) },
  });
}

/** The address with `/v1/traces` behind it. */
function endpointOf(traces: TracesConfig, env: NodeJS.ProcessEnv): string | null {
  const { endpoint } = traces;
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true' || env['OTEL_TRACES_EXPORTER'] === 'none') return null;
  if (endpoint !== undefined) return withPath(endpoint);
  const [own, shared] = ENDPOINTS.map((name) => env[name]?.trim() || null);
  if (own) return valid(own, ENDPOINTS[0], traces);
  return shared ? withPath(valid(shared, ENDPOINTS[1], traces)) : null;
}

function withPath(endpoint: string): string {
  const url = new URL(endpoint);
  if (!url.pathname.endsWith('/v1/traces')) url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/traces`;
  return url.href;
}

function valid(address: string, variable: string, traces: TracesConfig): string {
  const isAddress = URL.canParse(address) && /^https?:$/.test(new URL(address).protocol);
  const wrong = isAddress ? whyReadable(new URL(address), traces) : 'expected an address such as http://127.0.0.1:4318';
  if (wrong === null) return address;
  throw new PipelineError('CONFIG_INVALID', `${variable}: ${wrong}`);
}

function headersOf({ headers }: TracesConfig, env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => {
      if (typeof value === 'string') return [name, value];
      try {
        return [name, readSecret(value, env)];
      } catch (cause) {
        throw new PipelineError('CONFIG_INVALID', `traces.headers.${name}: ${(cause as Error).message}`, { cause });
      }
    }),
  );
}

/** Without what may be a token in it. */
function shown(endpoint: string): string {
  const { origin, pathname } = new URL(endpoint);
  return `${origin}${pathname}`;
}
