"""Prints a line for each release that comes into service: python model_deployed.py nightshift-viewer

The argument is a context of the NATS CLI (`nightshift auth context viewer` writes this one). Needs nats-py and nkeys from
PyPI. A plain subscription hears nothing while it is away, so after each connection it asks what serves. README.md beside it
says when a durable consumer is better.
"""

import asyncio
import json
import os
import sys
from collections import OrderedDict
from pathlib import Path

import nats
import nats.errors

SEEN_MAX = 1_000
PAUSE_S = 5
STATUS = "nightshift.api.status"


def login(context):
    """Options of nats.connect from a context of the NATS CLI."""
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    file = config / "nats" / "context" / f"{context}.json"
    if not file.exists():
        sys.exit(f"there is no context {file}; `nightshift auth context viewer` writes nightshift-viewer")
    stored = json.loads(file.read_text())
    options = {"servers": stored["url"].split(","), "max_reconnect_attempts": -1}
    if stored.get("nkey"):
        options["nkeys_seed_str"] = Path(stored["nkey"]).read_text().strip()
    if stored.get("creds"):
        options["user_credentials"] = stored["creds"]
    if stored.get("inbox_prefix"):
        options["inbox_prefix"] = stored["inbox_prefix"]
    return options


def say(line):
    print(line, file=sys.stderr, flush=True)


async def failed(error):
    """Of the connection, which is tried again without end; nats-py would print a stack."""
    say(f"nats: {error or type(error).__name__}")


class Follower:
    def __init__(self):
        self.seen = OrderedDict()  # ids of events: one may be heard twice
        self.serving = {}  # model -> release

    def serves(self, model, release, run):
        """Release numbers only rise, also by a rollback. An answer and an event may tell of the same one."""
        if release <= self.serving.get(model, 0):
            return
        self.serving[model] = release
        # Here you would act: reload thresholds, clear a cache, tell somebody.
        print(json.dumps({"model": model, "release": release, "runId": run}), flush=True)

    async def heard(self, message):
        event = json.loads(message.data)
        if event["id"] in self.seen:  # `ce-id` in its headers is the same
            return
        self.seen[event["id"]] = True
        if len(self.seen) > SEEN_MAX:
            self.seen.popitem(last=False)
        data = event["data"]
        self.serves(data["model"], data["release"], data["runId"])

    async def status(self, nc):
        """Until somebody answers: events are heard meanwhile, and what came before them is not missed."""
        while True:
            try:
                return await nc.request(STATUS, b"{}", timeout=PAUSE_S)
            except (nats.errors.NoRespondersError, nats.errors.TimeoutError) as error:
                say(f"nobody answers {STATUS} ({error}); does an orchestrator run? Asking again in {PAUSE_S} s")
                await asyncio.sleep(PAUSE_S)

    async def catch_up(self, nc):
        for status in json.loads((await self.status(nc)).data)["models"]:
            current = (status["deployment"] or {}).get("current")
            if current:
                self.serves(status["model"], current["release"], current["runId"])


async def main(context):
    follower, again = Follower(), asyncio.Event()

    async def reconnected():
        again.set()

    nc = await nats.connect(reconnected_cb=reconnected, error_cb=failed, **login(context))
    await nc.subscribe("nightshift.evt.model.*.*", cb=follower.heard)
    while True:
        await follower.catch_up(nc)
        await again.wait()
        again.clear()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "nightshift-viewer"))
