"""examples/train_pytorch.py on a card against the processor of the same machine: images per second, wall time, memory.

Called as `cuda_training.py --data FACES [--small]`, FACES one folder of images per person; one JSON object on standard
output, progress on standard error. Needs what the example needs, and onnxruntime. docs/training-performance.md has the
method and the figures.
"""

import argparse
import gc
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve()
EXAMPLE = HERE.parents[3] / "examples" / "train_pytorch.py"
# Every fifth image of a person is kept for validation.
VALIDATION_EVERY = 5
SUBJECTS = {"small": {"net": "face-small", "side": 64}, "face-resnet": {"net": "face-resnet", "side": 112}}
LEARNING_RATE = 3e-3
REPEATS = 3
# For each device: seconds of one repeat of a speed measurement.
TURN_S = {"cpu": 1.0, "cuda": 0.7}
FULL = {
    "batches": [32, 256, 1024],
    "turns": TURN_S,
    "programs": [
        {"subject": "small", "batch": 32, "epochs": 30, "seeds": {"cuda": [1, 2, 3], "cpu": [1, 2, 3]}},
        {"subject": "face-resnet", "batch": 256, "epochs": 20, "seeds": {"cuda": [1, 2, 3], "cpu": [1]}},
    ],
    "memory": [{"batch": 1024, "micros": [1024, 512, 256, 128, 64]}, {"batch": 256, "micros": [256, 128, 64, 32]}],
}
SMALL = {
    "batches": [8, 16],
    "turns": {"cpu": 0.1, "cuda": 0.1},
    "programs": [{"subject": "small", "batch": 16, "epochs": 2, "seeds": {"cuda": [1], "cpu": [1]}}],
    "memory": [{"batch": 16, "micros": [16, 8]}],
}


def note(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--task")
    args = parser.parse_args()
    if args.task:
        task = json.loads(args.task)
        print(json.dumps(TASKS[task["type"]](task)), flush=True)
        return
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measured(args.data, Path(folder), SMALL if args.small else FULL)), flush=True)


def measured(faces, folder, plan):
    jobs = {}
    for name, subject in SUBJECTS.items():
        jobs[name] = write_job_folder(faces, folder / name, subject)
        note(f"{name}: {jobs[name]['images']}")
    devices = ["cuda", "cpu"] if child("cuda", {"type": "machine"})["cuda"] else ["cpu"]
    found = {"date": time.strftime("%Y-%m-%d"), "images": {name: job["images"] for name, job in jobs.items()}}
    found["machine"] = {device: child(device, {"type": "machine"}) for device in devices}
    if "cuda" in devices:
        found["memory"] = {
            name: child("cuda", {"type": "memory", "job": job, "plan": plan["memory"]}) for name, job in jobs.items()
        }
        note(f"memory: {found['memory']}")
    found["imagesPerSecond"] = {name: speeds(job, plan, devices) for name, job in jobs.items()}
    found["programs"] = [program(jobs, folder, run, devices) for run in plan["programs"]]
    return found


def write_job_folder(faces, folder, subject):
    """As services/training/command/job-folder.ts writes one; the description without what a run fills in."""
    from PIL import Image

    side, count = subject["side"], {"train": 0, "validation": 0}
    people = sorted(entry for entry in faces.iterdir() if entry.is_dir())
    for number, person in enumerate(people):
        for place, file in enumerate(sorted(person.iterdir())):
            split = "validation" if place % VALIDATION_EVERY == 0 else "train"
            to = folder / split / f"{number:05d}"
            to.mkdir(parents=True, exist_ok=True)
            image = Image.open(file).convert("L").resize((side, side), Image.Resampling.BILINEAR)
            image.save(to / f"{sum(count.values()):08d}.png")
            count[split] += 1
    return {
        "format": "nightshift.command/1",
        "image": {"width": side, "height": side, "channels": 1},
        "labels": [person.name for person in people],
        "images": count,
        "config": {
            **{"net": subject["net"], "epochs": 1, "batchSize": 32, "learningRate": LEARNING_RATE},
            "augment": {"flip": True, "shiftPx": 4, "brightness": 0.2, "contrast": 0.2, "cutoutPx": 0},
        },
        "seed": 1,
        "maxDurationMs": 3600_000,
        "paths": {"train": str(folder / "train"), "validation": str(folder / "validation"), "checkpoint": None},
    }


def environment(device):
    return os.environ if device == "cuda" else {**os.environ, "CUDA_VISIBLE_DEVICES": ""}


def child(device, task):
    """A measurement in a process of its own, so that neither memory nor a library's choices carry over."""
    command = [sys.executable, str(HERE), "--task", json.dumps(task)]
    return json.loads(subprocess.run(command, env=environment(device), stdout=subprocess.PIPE, check=True).stdout)


def speeds(job, plan, devices):
    found = {}
    for device in devices:
        task = {"type": "speed", "job": job, "batches": plan["batches"], "turnS": plan["turns"][device]}
        found[device] = child(device, task)
        note(f"{job['config']['net']} on {device}: {found[device]}")
    if "cuda" in devices:
        found["ratio"] = {
            batch: statistics.median(found["cuda"][batch]) / statistics.median(found["cpu"][batch]) for batch in found["cpu"]
        }
    return found


def program(jobs, folder, run, devices):
    """The example as the trainer starts it: the same job, in a process of its own, on each device."""
    found = {key: run[key] for key in ("subject", "batch", "epochs")}
    for device in devices:
        found[device] = []
        for seed in run["seeds"][device]:
            output = folder / f"{run['subject']}-{device}-{seed}"
            output.mkdir()
            job = with_config(jobs[run["subject"]], batchSize=run["batch"], epochs=run["epochs"], seed=seed)
            job["paths"] = {**job["paths"], "output": str(output), "model": str(output / "model.onnx")}
            (output / "job.json").write_text(json.dumps(job))
            result = {"seed": seed, **run_program(output / "job.json", device)}
            if seed == run["seeds"][device][0]:
                result["model"] = child("cpu", {"type": "compare", "job": job})
            found[device].append(result)
            note(f"{run['subject']} on {device}: {result}")
    return found


def with_config(job, seed=1, **config):
    return {**job, "seed": seed, "config": {**job["config"], "seed": seed, **config}}


def run_program(file, device):
    began = time.monotonic()
    command = [sys.executable, str(EXAMPLE), str(file)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    lines = []
    with subprocess.Popen(command, env=environment(device), text=True, **pipes) as process:
        # Its standard input stays open: the program ends with whoever holds it.
        for line in process.stdout:
            lines.append((time.monotonic() - began, json.loads(line)))
        code = process.wait()
    if code != 0:
        raise RuntimeError(f"the program ended with {code}")
    wall = time.monotonic() - began
    passes = [(at, line) for at, line in lines if line["type"] == "progress"]
    rates = [line["imagesPerSecond"] for _, line in passes]
    return {
        "wallS": wall,
        # Until the first pass has ended, the passes after it with all that belongs to them, the export.
        "phasesS": [passes[0][0], lines[-1][0] - passes[0][0], wall - lines[-1][0]],
        "imagesPerSecond": {"median": statistics.median(rates), "least": min(rates), "most": max(rates)},
        "rank1": passes[-1][1]["rank1"],
        "loss": passes[-1][1]["loss"],
    }


def example():
    spec = importlib.util.spec_from_file_location("train_pytorch", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def machine(_task):
    import torch

    cuda = torch.cuda.is_available()
    processor = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "cuda": torch.cuda.get_device_name() if cuda else None,
        "processor": processor[0],
        "processors": len(processor),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def updates_of(program, job, device):
    """A training ready for updates, and whole batches without end, as the program would show them."""
    data = program.placed(program.load(job["paths"]["train"], job["image"]["channels"]), device)
    net, _, updates = program.start(job, data, device)
    net.train()
    updates.begin_pass(job["config"]["learningRate"])

    def batches():
        seed = 0
        while True:
            seed += 1
            rows = program.draw(len(data[0]), job["config"]["augment"], seed).to(data[0].device)
            yield from (batch for batch in rows.split(updates.batch) if len(batch) == updates.batch)

    return updates, batches()


def synchronise():
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def timed(updates, batches, count):
    synchronise()
    began = time.perf_counter()
    for _ in range(count):
        updates(next(batches))
    synchronise()
    return time.perf_counter() - began


def speed(task):
    """Images per second of whole updates, REPEATS turns each; the batch sizes take turns."""
    program, found, ready = example(), {}, {}
    device = program.device_of_training()
    for batch in task["batches"]:
        updates, batches = updates_of(program, with_config(task["job"], batchSize=batch), device)
        # The first updates choose kernels, one records; on a processor one is enough.
        timed(updates, batches, 5 if updates.recordable else 1)
        count = max(1, round(task["turnS"] / timed(updates, batches, 1)))
        ready[batch] = updates, batches, count
    for _ in range(REPEATS):
        for batch, (updates, batches, count) in ready.items():
            found.setdefault(batch, []).append(updates.batch * count / timed(updates, batches, count))
    return found


def memory(task):
    """The card's memory in MB after ten updates, for each size of a pass. `card`: what the process took of the card."""
    import torch

    program, found = example(), []
    # One for all, because each stream has buffers of its own for products of matrices.
    device = program.device_of_training()
    total = torch.cuda.mem_get_info()[1]
    for plan in task["plan"]:
        for micro in plan["micros"]:
            gc.collect()
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            job = with_config(task["job"], batchSize=plan["batch"], microBatch=micro)
            updates, batches = updates_of(program, job, device)
            timed(updates, batches, 5)
            seconds = timed(updates, batches, 5)
            peaks = {"allocatedMb": torch.cuda.max_memory_allocated(), "reservedMb": torch.cuda.max_memory_reserved()}
            peaks["cardMb"] = total - torch.cuda.mem_get_info()[0]
            found.append({"batch": updates.batch, "micro": micro, "imagesPerSecond": 5 * updates.batch / seconds})
            found[-1].update({name: round(size / 1e6, 1) for name, size in peaks.items()})
            del updates, batches
    return found


def compare(task):
    """The exported model in onnxruntime against the net of the last checkpoint, on the validation images."""
    import numpy
    import onnxruntime
    import torch

    program, job = example(), task["job"]
    output = Path(job["paths"]["output"])
    state = torch.load(output / f"checkpoint-{job['config']['epochs']}.pt", map_location="cpu")
    net = program.FaceNet(job["image"], job["config"]["net"])
    net.load_state_dict(state["net"])
    session = onnxruntime.InferenceSession(job["paths"]["model"], providers=["CPUExecutionProvider"])
    served = lambda images: torch.from_numpy(session.run(None, {"images": images.numpy()})[0])
    splits = [program.load(job["paths"][split], job["image"]["channels"]) for split in ("train", "validation")]
    with torch.no_grad():
        expected, answered = (embed(splits[1][0].float()) for embed in (net.eval(), served))
    # The same measure as the program's, on what onnxruntime answers.
    net.forward = served
    return {
        "largestDifference": float(numpy.abs((expected - answered).numpy()).max()),
        "leastCosine": float((expected * answered).sum(1).min()),
        "rank1": program.rank1(net, *splits, torch.device("cpu"), 256),
    }


TASKS = {"machine": machine, "speed": speed, "memory": memory, "compare": compare}

if __name__ == "__main__":
    main()
