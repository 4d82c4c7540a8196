/**
 * The process of one actor under `nightshift start`. It loads its code while the server is still starting, works from the
 * message `start` on, and ends with its supervisor, however that ends. Started by crew.ts; its argument is its name.
 */
import { ACTORS, type ActorName } from '../actors/names.ts';
import { assertNever, toFailure } from '../contracts/errors.ts';
import { loadActor, startActor } from '../main.ts';
import { createLogger, type LogLevel } from '../runtime/logger.ts';
import type { FromActor, StartActor, ToActor } from './actor-process.messages.ts';
import { keepNote } from '../runtime/readiness.ts';
import { applyReload } from './reload.ts';
import { endOnSignal, type Ending } from './shutdown.ts';

const name = ACTORS.find((it) => it === process.argv[2]);
if (name === undefined) throw new Error(`there is no actor ${process.argv[2]}`);

/** At once: a worker that goes on by itself would keep the work that its successor is asked to do. */
const endWithParent = () => process.kill(process.pid, 'SIGKILL');
process.once('disconnect', endWithParent);

const loaded = loadActor(name);
// Waited for by the start.
loaded.catch(() => {});
let ending: Ending | null = null;
let reload = (_: LogLevel) => {};

process.on('message', (message: ToActor) => {
  switch (message.type) {
    case 'start':
      // It rejects never: a failure is told, and ends the process.
      return void work(name, message);
    case 'reload':
      return reload(message.level);
    case 'stop':
      return ending === null ? process.exit() : ending.ask('stop', message.graceMs);
    default:
      return assertNever(message);
  }
});

async function work(actorName: ActorName, { url, system, config }: StartActor): Promise<void> {
  const log = createLogger({ ...config.log, pretty: false });
  ending = endOnSignal(config.shutdown.graceMs, log.child({ actor: actorName }));
  try {
    await loaded;
    const actor = await Promise.race([startActor(actorName, url, config, log), ending.asked]);
    // Nothing is at work yet.
    if (typeof actor === 'string') return process.exit();
    ending.watch(actor);
    reload = (level) => applyReload(level, actor, log);
    const forget = keepNote(actorName, system, actor.lacking);
    log.info({ actor: actorName }, `${actorName} works`);
    await say({ type: 'up' });
    await ending.asked;
    forget();
    await actor.stop();
    process.off('disconnect', endWithParent);
    process.disconnect();
  } catch (error) {
    await say({ type: 'failed', failure: toFailure(error) });
    log.debug({ actor: actorName, err: error }, 'could not be started');
    process.exit(1);
  }
}

/** A supervisor that is gone hears nothing more; its end ends us. */
const say = (message: FromActor) =>
  new Promise<void>((resolve) => process.send?.(message, undefined, {}, () => resolve()));
