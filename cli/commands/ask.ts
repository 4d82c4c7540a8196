/** `nightshift ask`: who is on a picture, or is it that person, asked by the same request as any door sends. */
import { PipelineError } from '../../contracts/errors.ts';
import type { IdentifyReply, VerifyReply } from '../../contracts/inference.ts';
import type { InferVerb } from '../../contracts/subjects.ts';
import type { GlobalOptions } from '../global-options.ts';
import { askReplicas, readImage } from '../infer.ts';
import { withClient } from '../with-client.ts';

export type AskedVerb = Exclude<InferVerb, 'embed'>;

interface AskOptions {
  readonly json?: boolean;
  readonly person?: string;
}

/** A stranger is an answer like any other. Throws CONFIG_INVALID, or what reading and asking throw. */
export async function askCommand(
  model: string,
  verb: AskedVerb,
  file: string,
  { json, person }: AskOptions,
  global: GlobalOptions,
): Promise<void> {
  if (verb === 'verify' && person === undefined)
    throw new PipelineError('CONFIG_INVALID', 'ask: whose face should it be? --person <name> says so');
  if (verb === 'identify' && person !== undefined)
    throw new PipelineError('CONFIG_INVALID', 'ask: --person belongs to verify; identify names the person itself');
  const image = await readImage(file);
  await withClient(
    global,
    async (client) => {
      const reply = await askReplicas<IdentifyReply | VerifyReply>(client, model, (replicas) =>
        person === undefined ? replicas.identify(image) : replicas.verify(person, image),
      );
      process.stdout.write(json ? `${JSON.stringify(reply)}\n` : `${textOf(model, reply)}\n`);
    },
    'door',
  );
}

function textOf(model: string, reply: IdentifyReply | VerifyReply): string {
  const { release, score, threshold, decision } = reply;
  const found = 'matches' in reply ? identified(reply) : verified(reply);
  const scores = `score ${score.toFixed(3)}, threshold ${threshold.toFixed(3)}`;
  return [
    `${model}: ${found}`,
    `  ${scores}; release ${release}, ${decision.people} people enrolled`,
    ...(decision.warning === null ? [] : [`  warning: ${decision.warning}`]),
    ...(reply.stale ? [staleText(reply.knowledgeAgeMs)] : []),
  ].join('\n');
}

const staleText = (ageMs = 0) =>
  `  stale: the replica has been out of touch with the store for ${(ageMs / 1000).toFixed(1)} s; a newer release may be in service`;

function identified({ person, matches }: IdentifyReply): string {
  if (person !== null) return `"${person}"`;
  const [nearest] = matches;
  return nearest ? `nobody known; most similar is "${nearest.person}"` : 'nobody known';
}

const verified = ({ person, match }: VerifyReply) => `${match ? '' : 'not '}"${person}"`;
