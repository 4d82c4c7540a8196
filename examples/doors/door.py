"""Asks a model's replicas who is on a picture, by the rule of docs/client.md: python door.py nightshift-door face face.png

The first argument is a context of the NATS CLI (`nightshift auth context door`). Needs nats-py and nkeys from PyPI. A second
replica is asked if the first is slow, silent or full, three at most, all within the deadline; an older release than one that
has answered is never taken.
"""

import asyncio
import json
import math
import os
import random
import sys
import time
from collections import deque
from pathlib import Path

import nats
from nats.errors import NoRespondersError, TimeoutError as NoReplyError

TRY_AGAIN = {"OVERLOADED", "NOT_READY", "RELEASE_NOT_REACHED", "HOST_FAILED"}
SENDS_MAX, NOBODY_PAUSE_S, REMEMBERED_S, ALONE_S = 3, 0.1, 5.0, 60.0


class Refused(Exception):
    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code = code


class Door:
    def __init__(self, nc, model, namespace="nightshift"):
        self.nc, self.subject = nc, f"{namespace}.infer.{model}.identify"
        self.release = 0  # the newest that has answered
        self.answered = {}  # replica -> when it answered anybody of us
        self.served_up_to = 0.0  # when the latest request that was served was sent
        self.latencies = deque(maxlen=256)
        self.budget = 10.0  # a tenth of the requests may be sent twice before anything is wrong

    def p99(self):
        kept = sorted(self.latencies)
        return kept[min(len(kept) - 1, int(len(kept) * 0.99))] if len(kept) >= 16 else 0.25

    def spend(self):
        if self.budget < 1:
            return False
        self.budget -= 1
        return True

    def one_alone(self):
        """There is no other replica to ask."""
        return sum(time.monotonic() - at < ALONE_S for at in self.answered.values()) == 1

    def another(self, tried, since):
        """A replica that is alive; None: any."""
        now = time.monotonic()
        known = [it for it, at in self.answered.items() if it not in tried and now - at < REMEMBERED_S]
        alive = [it for it in known if self.answered[it] >= since]
        return random.choice(alive) if alive else max(known, key=self.answered.get, default=None)

    async def send(self, image, to, end, min_release):
        """The reply ("nobody" if nobody listens, None if none came), when it was sent, and to whom."""
        sent = time.monotonic()
        left = max(0.001, end - sent)
        headers = {"Nightshift-Deadline-Ms": str(math.ceil(left * 900))}
        if self.release:
            headers["Nightshift-Seen-Release"] = str(self.release)
        if min_release:
            headers["Nightshift-Min-Release"] = str(min_release)
        subject = f"{self.subject}.at.{to}" if to else self.subject
        try:
            return await self.nc.request(subject, image, timeout=left, headers=headers), sent, to
        except NoRespondersError:
            return "nobody", sent, to
        except NoReplyError:
            return None, sent, to

    async def identify(self, image, deadline=2.0, min_release=None):
        """The answer as a dict. Raises Refused, with a code of docs/errors.md."""
        began = time.monotonic()
        end, silent = began + deadline, min(max(0.25, 4 * self.p99()), deadline / SENDS_MAX)
        self.budget = min(10.0, self.budget + 0.1)
        last, tried, sends, under_way = Refused("NATS_UNAVAILABLE", "no replica has answered"), set(), 0, set()

        def ask(to):
            nonlocal sends
            sends += 1
            tried.update({to} - {None})
            under_way.add(asyncio.ensure_future(self.send(image, to, end, min_release)))

        ask(None)
        hedge = max(0.005, self.p99())
        is_silence = self.one_alone() or not (hedge < silent and self.spend())
        next_at = began + (silent if is_silence else hedge)
        try:
            while (now := time.monotonic()) < end:
                if now >= next_at:
                    # If all replicas are slow, a second try of everybody would make them slower still.
                    if not is_silence or self.served_up_to > began + silent / 2 or self.spend():
                        ask(self.another(tried, began))
                    next_at, is_silence = (now + silent if sends < SENDS_MAX else math.inf), True
                for task in await first_of(under_way, max(0.0, min(next_at, end) - now)):
                    under_way.discard(task)
                    reply, sent, to = task.result()
                    if reply == "nobody":  # it counts as not sent
                        sends -= 1
                        self.answered.pop(to, None)
                        next_at, is_silence = time.monotonic() + (0 if to else NOBODY_PAUSE_S), False
                    elif reply is not None:
                        answer = self.read(reply, sent, tried)
                        if isinstance(answer, dict):
                            return answer
                        last, pause = answer
                        next_at, is_silence = (time.monotonic() + pause if sends < SENDS_MAX else math.inf), False
                if not under_way and next_at == math.inf:
                    break
            raise last
        finally:
            for task in under_way:
                task.cancel()

    def read(self, reply, sent, tried):
        """The answer; or why another replica is to be asked, and in how many seconds. Raises what no other would mend."""
        body, now = json.loads(reply.data), time.monotonic()
        if body.get("replica"):
            self.answered[body["replica"]] = now
            tried.add(body["replica"])
        if "error" in body:
            refused = Refused(body["error"]["code"], body["error"]["message"])
            if refused.code not in TRY_AGAIN:
                raise refused
            return refused, int((reply.headers or {}).get("Nightshift-Retry-After-Ms", 0)) / 1000
        self.latencies.append(now - sent)
        self.served_up_to = max(self.served_up_to, sent)
        if body["release"] < self.release:
            return Refused("RELEASE_NOT_REACHED", f"answered by release {body['release']} after {self.release}"), 0
        self.release = body["release"]
        return body


async def first_of(tasks, wait):
    if not tasks:
        await asyncio.sleep(wait)
        return set()
    return (await asyncio.wait(tasks, timeout=wait, return_when=asyncio.FIRST_COMPLETED))[0]


def login(context):
    """Options of nats.connect from a context of the NATS CLI."""
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    stored = json.loads((config / "nats" / "context" / f"{context}.json").read_text())
    options = {"servers": stored["url"].split(","), "max_reconnect_attempts": -1}
    if stored.get("nkey"):
        options["nkeys_seed_str"] = Path(stored["nkey"]).read_text().strip()
    if stored.get("creds"):
        options["user_credentials"] = stored["creds"]
    if stored.get("inbox_prefix"):
        options["inbox_prefix"] = stored["inbox_prefix"]
    return options


async def main(context, model, image):
    nc = await nats.connect(**login(context))
    try:
        print(json.dumps(await Door(nc, model).identify(Path(image).read_bytes())))
    except Refused as refused:
        sys.exit(str(refused))
    finally:
        await nc.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
