/**
 * The data of a request, checked by its schema before anything is done: parameters of path and query as one object, and a
 * body that says that it is JSON. Pure; for the routes of api.ts and people.ts.
 */
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { describeIssues } from '../../contracts/envelope.ts';
import { PipelineError } from '../../contracts/errors.ts';

/** Throws REQUEST_INVALID, as all here. */
export function inputOf<T extends z.ZodType>(schema: T, { params, query }: FastifyRequest): z.output<T> {
  return parsed(schema, { ...(query as object), ...(params as object) }); // Objects of texts, both.
}

export function parsed<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new PipelineError('REQUEST_INVALID', describeIssues(result.error));
}

/** A form of a page elsewhere can send no JSON type, and no token either. */
export function jsonOf({ body, headers }: FastifyRequest): unknown {
  const type = headers['content-type'] ?? '';
  if (!/^application\/([\w.-]+\+)?json\b/i.test(type)) {
    throw new PipelineError('REQUEST_INVALID', `the type of the body is "${type}"; send application/json`);
  }
  try {
    return JSON.parse(Buffer.isBuffer(body) ? body.toString('utf8') : '{}');
  } catch (cause) {
    throw new PipelineError('REQUEST_INVALID', `the body is not JSON: ${(cause as Error).message}`, { cause });
  }
}
