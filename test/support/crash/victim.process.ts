/** A process that waits to be told which actor it is and where it has to die. Started by victims.ts ahead of its time. */
import { once } from 'node:events';
import type { ActorName } from '../../../actors/names.ts';
import { ConfigSchema } from '../../../infra/config/config.ts';
import { armFaultPoint } from '../../../runtime/fault-points.ts';
import { startActor } from '../../../main.ts';
import { testLogger } from '../server.ts';

export interface Sentence {
  readonly actor: ActorName;
  readonly url: string;
  readonly config: unknown;
  /** As in NIGHTSHIFT_FAULT. */
  readonly fault: string;
}

const [sentence] = (await once(process, 'message')) as [Sentence];
armFaultPoint(sentence.fault);
await startActor(sentence.actor, sentence.url, ConfigSchema.parse(sentence.config), testLogger());
process.send?.('started');
