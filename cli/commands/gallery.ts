/** `nightshift enroll` and `remove`: who is in a model's gallery, by the same requests as any other client sends. */
import { EnrollReplySchema, RemoveReplySchema, type EnrollReply } from '../../contracts/inference.ts';
import type { GlobalOptions } from '../global-options.ts';
import { readImage, requestInfer } from '../infer.ts';
import { withClient } from '../with-client.ts';

export async function enrollCommand(
  model: string,
  person: string,
  files: readonly string[],
  { json }: { json?: boolean },
  global: GlobalOptions,
): Promise<void> {
  await withClient(global, async (client) => {
    const replies: EnrollReply[] = [];
    for (const file of files) {
      const image = await readImage(file);
      replies.push(await requestInfer(client, { model, verb: 'enroll', person, image, reply: EnrollReplySchema }));
    }
    const reply = replies.at(-1)!; // The command line demands one file at least.
    const text = `${model}: "${person}" is enrolled with ${reply.images} image(s), change ${reply.sequence}`;
    process.stdout.write(json ? `${JSON.stringify(reply)}\n` : `${text}\n`);
  });
}

export async function removeCommand(
  model: string,
  person: string,
  { json }: { json?: boolean },
  global: GlobalOptions,
): Promise<void> {
  await withClient(global, async (client) => {
    const image = new Uint8Array(0);
    const reply = await requestInfer(client, { model, verb: 'remove', person, image, reply: RemoveReplySchema });
    const text = `${model}: "${person}" is removed, change ${reply.sequence}`;
    process.stdout.write(json ? `${JSON.stringify(reply)}\n` : `${text}\n`);
  });
}
