/**
 * Notices that the script runner which started this process is gone. A runner that is told to end passes that on, but one
 * that is killed cannot, and its programs would live on as orphans. Processes that nobody's script started are left alone.
 */

/** npm, pnpm and yarn set it for the programs of their scripts. */
const SCRIPT = 'npm_lifecycle_event';
/** Costs one call of the system; with the end that follows it leaves much of the ten seconds that an end may take. */
const CHECK_MS = 500;
/** Before the first look the parent may be gone already, so it is read as early as this module is loaded. */
const PARENT = process.ppid;

/** Calls `tell` once, if it comes to that. Returns what ends the watch; it keeps no process alive. */
export function onParentGone(tell: () => void): () => void {
  if (!process.env[SCRIPT]) return () => {};
  const timer = setInterval(() => {
    if (process.ppid === PARENT) return;
    clearInterval(timer);
    tell();
  }, CHECK_MS);
  timer.unref();
  return () => clearInterval(timer);
}
