/** A whole night over a network that is cut every few hundred milliseconds, against one that nobody disturbed. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { judge } from '../support/crash/plan.ts';
import { withCrashRig } from '../support/crash/rig.ts';
import { STORIES } from '../support/crash/stories.ts';
import { withTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

/** Clients are back after a fifth to two fifths of a second, so there is some time to get on between two cuts. */
const FIRST_CUT_MS = 900;
/** Each time later than before, so that a slow machine gets on, too. */
const LATER = 1.1;
const HEAL_AFTER_MS = 100;
const CUTS_MIN = 3;

test('cuts: every actor loses the server again and again, and the night ends as if nothing had happened', () =>
  withCrashRig(async (rig) => {
    const night = STORIES[0]!; // There is always one.
    const undisturbed = await rig.run(night, null);
    await withTcpProxy(rig.server.url, async (proxy) => {
      const cutting = cutAgainAndAgain(proxy);
      const disturbed = await rig.run(night, null, { url: proxy.url, started: cutting.begin }).finally(cutting.stop);
      const none = { actor: 'orchestrator', point: 'message.handled', where: '' } as const;
      const { lost, doubled, stuck } = judge(night, none, undisturbed.traces, disturbed);
      assert.equal({ lost, doubled, stuck }, { lost: [], doubled: [], stuck: null });
      assert.ok(cutting.count() >= CUTS_MIN, `${cutting.count()} cuts`);
    });
  }));

function cutAgainAndAgain(proxy: TcpProxy): { begin(): void; count(): number; stop(): void } {
  let cuts = 0;
  let timer: NodeJS.Timeout | undefined;
  const later = () => {
    timer = setTimeout(cut, FIRST_CUT_MS * LATER ** cuts);
  };
  const cut = () => {
    cuts += 1;
    proxy.cut();
    setTimeout(proxy.heal, HEAL_AFTER_MS);
    later();
  };
  return { begin: later, count: () => cuts, stop: () => clearTimeout(timer) };
}

test.run();
