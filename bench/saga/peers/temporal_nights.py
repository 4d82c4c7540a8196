"""Temporal as a peer of `npm run bench -- saga`: a workflow of four activities that do nothing, one worker process.

Called as `temporal_nights.py ADDRESS NIGHTS SIDE_BY_SIDE SECONDS` with the address of a Temporal server. Prints one JSON
line: the median of a night's milliseconds and of those from start to the first activity, runs one after the other; then
activity completions per second with that many workflows side by side.
"""

import asyncio
import json
import os
import sys
import time
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

QUEUE = "nights"
STEPS = ("collect", "train", "verify", "deploy")
first_step_at: dict[str, float] = {}


@activity.defn
async def step(name: str) -> dict:
    if name == STEPS[0]:
        first_step_at[activity.info().workflow_id] = time.perf_counter()
    return {"step": name}


@workflow.defn
class Night:
    @workflow.run
    async def run(self) -> None:
        for name in STEPS:
            await workflow.execute_activity(step, name, start_to_close_timeout=timedelta(minutes=5))


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


async def night(client: Client, name: str) -> tuple[float, float]:
    began = time.perf_counter()
    await client.execute_workflow(Night.run, id=name, task_queue=QUEUE)
    return 1000 * (time.perf_counter() - began), 1000 * (first_step_at.pop(name) - began)


async def side_by_side(client: Client, lanes: int, seconds: float) -> float:
    began = time.perf_counter()
    done = 0

    async def lane(number: int) -> None:
        nonlocal done
        turn = 0
        while time.perf_counter() - began < seconds:
            await night(client, f"side-{number}-{turn}")
            turn += 1
            done += len(STEPS)

    await asyncio.gather(*(lane(number) for number in range(lanes)))
    return done / (time.perf_counter() - began)


async def main(address: str, nights: int, lanes: int, seconds: float) -> None:
    client = await Client.connect(address)
    # As fast as it gets: without the sandbox, which is for catching mistakes of the workflow's author.
    worker = Worker(
        client, task_queue=QUEUE, workflows=[Night], activities=[step], workflow_runner=UnsandboxedWorkflowRunner()
    )
    async with worker:
        await night(client, "warm-up")
        figures = [await night(client, f"alone-{turn}") for turn in range(nights)]
        per_second = await side_by_side(client, lanes, seconds)
    print(
        json.dumps(
            {
                "nightMs": median([whole for whole, _ in figures]),
                "startToFirstMs": median([first for _, first in figures]),
                "perSecond": per_second,
            }
        )
    )


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
sys.stdout.flush()
# The SDK's native threads were seen to crash the interpreter while it shut down, after everything was printed.
os._exit(0)
