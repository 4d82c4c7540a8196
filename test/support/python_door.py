# Asks by examples/doors/door.py as a door would, all the time; run by the test of it. Prints what became of the requests.
import asyncio
import importlib.util
import json
import sys
import time

path, url, image, requests, every = sys.argv[1:6]
spec = importlib.util.spec_from_file_location("door", path)
module = importlib.util.module_from_spec(spec)
sys.dont_write_bytecode = True
spec.loader.exec_module(module)


async def main():
    nc = await module.nats.connect(url)
    door = module.Door(nc, "face")
    face = open(image, "rb").read()
    answers, refused = [], []

    async def ask():
        try:
            answers.append((await door.identify(face))["release"])
        except module.Refused as error:
            refused.append(str(error))

    try:
        await door.identify(face, deadline=2.0, min_release=9)
        late = None
    except module.Refused as error:
        late = error.code
    try:
        await door.identify(b"no picture")
        wrong = None
    except module.Refused as error:
        wrong = error.code
    began, asking = time.monotonic(), []
    for turn in range(int(requests)):
        await asyncio.sleep(max(0, began + turn * float(every) - time.monotonic()))
        asking.append(asyncio.ensure_future(ask()))
        if turn == 20:
            print(json.dumps("warm"), flush=True)
    await asyncio.gather(*asking)
    told = {"answered": len(answers), "releases": sorted(set(answers)), "refused": refused, "late": late, "wrong": wrong}
    print(json.dumps(told), flush=True)
    await nc.close()


asyncio.run(main())
