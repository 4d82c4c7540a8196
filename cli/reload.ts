/**
 * SIGHUP: a process that stays reads its log level and its certificates anew, without an end. All else in its
 * configuration counts from its next start on. Called by the commands `start` and `actor`.
 */
import type { Config } from '../infra/config/config.ts';
import type { Actor } from '../main.ts';
import { setLogLevel, type Logger, type LogLevel } from '../runtime/logger.ts';

/** The level of the configuration as it is now; null if it cannot be read, which is told. */
export function levelAnew(read: () => Config, log: Logger): LogLevel | null {
  try {
    return read().log.level;
  } catch (error) {
    log.error({ why: (error as Error).message }, 'the configuration cannot be read anew; all stays as it is');
    return null;
  }
}

export function applyReload(level: LogLevel, actor: Pick<Actor, 'reload'> | null, log: Logger): void {
  setLogLevel(level);
  log.info({ level }, 'read anew: log level and login');
  actor?.reload().catch((err: unknown) => log.error({ err }, 'the connection was not made anew'));
}
