"""An outside training program for Nightshift's strategy "command", with PyTorch.

The contract is docs/training-command.md: the path of job.json is the last argument; progress goes to standard output as
JSON lines; the model goes to paths.model as ONNX. Needs: pip install torch pillow onnx onnxscript
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

# Of the CosFace loss (Wang et al., arXiv:1801.09414).
SCALE, MARGIN = 16.0, 0.2


class FaceNet(nn.Module):
    """Raw pixels [batch, channels, height, width], 0..255, to embeddings [batch, 128] of length 1."""

    def __init__(self, image):
        super().__init__()
        layers, channels, height, width = [], image["channels"], image["height"], image["width"]
        for filters in (16, 32, 64):
            layers += [nn.Conv2d(channels, filters, 3, padding=1, bias=False), nn.BatchNorm2d(filters), nn.ReLU(), nn.MaxPool2d(2)]
            channels, height, width = filters, height // 2, width // 2
        self.features = nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * height * width, 128))

    def forward(self, images):
        # Normalised per image and inside the model, so that whoever serves it cannot do it differently.
        mean = images.mean(dim=(1, 2, 3), keepdim=True)
        centred = images - mean
        deviation = torch.sqrt((centred * centred).mean(dim=(1, 2, 3), keepdim=True) + 1.0)
        return F.normalize(self.features(centred / deviation))


def say(**line):
    print(json.dumps(line), flush=True)


def load(folder, channels):
    """All images of a split: uint8 [count, channels, height, width] and the person's number of each."""
    files = sorted(Path(folder).glob("*/*.png"), key=lambda file: file.name)
    mode = "L" if channels == 1 else "RGB"
    images = [numpy.asarray(Image.open(file).convert(mode)) for file in files]
    pixels = torch.from_numpy(numpy.stack(images))
    pixels = pixels[:, None] if channels == 1 else pixels.permute(0, 3, 1, 2)
    return pixels, torch.tensor([int(file.parent.name) for file in files])


def cosface(embeddings, weights, classes):
    cosines = embeddings @ F.normalize(weights).T
    return F.cross_entropy(SCALE * (cosines - MARGIN * F.one_hot(classes, len(weights))), classes)


@torch.no_grad()
def rank1(net, train, validation, device):
    """The share of validation images whose nearest person, by the mean of its embeddings, is the right one."""
    net.eval()
    embed = lambda pixels: torch.cat([net(part.float().to(device)) for part in pixels.split(256)])
    embeddings, classes = embed(train[0]), train[1].to(device)
    means = F.normalize(torch.zeros(int(classes.max()) + 1, embeddings.shape[1], device=device).index_add_(0, classes, embeddings))
    return (embed(validation[0]) @ means.T).argmax(1).eq(validation[1].to(device)).float().mean().item()


def end_with_the_trainer():
    """Its end of our standard input closes when it dies; nothing is ever written to it."""
    sys.stdin.read()
    os._exit(1)


def train(job, stop):
    config, paths = job["config"], job["paths"]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(job["seed"])
    print(f"training on {device}", file=sys.stderr)
    data = load(paths["train"], job["image"]["channels"])
    validation = load(paths["validation"], job["image"]["channels"]) if job["images"]["validation"] else None

    net = FaceNet(job["image"]).to(device)
    people = nn.Parameter(torch.randn(len(job["labels"]), 128, device=device))
    optimizer = torch.optim.Adam([*net.parameters(), people], lr=config["learningRate"])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config["epochs"])
    done = 0
    if paths["checkpoint"]:
        state = torch.load(paths["checkpoint"], map_location=device)
        net.load_state_dict(state["net"])
        people.data.copy_(state["people"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        done = state["done"]

    began = time.monotonic()
    for epoch in range(done + 1, config["epochs"] + 1):
        net.train()
        losses, rate, started = [], schedule.get_last_lr()[0], time.monotonic()
        # From seed and epoch, so that a resumed training sees the order that it would have seen.
        order = torch.randperm(len(data[0]), generator=torch.Generator().manual_seed(job["seed"] + epoch))
        for batch in order.split(config["batchSize"]):
            if stop.is_set() or time.monotonic() - began > job["maxDurationMs"] / 1000:
                stop.set()
                break
            if len(batch) < 2:
                continue  # Batch-norm needs more than one image.
            images = data[0][batch].float()
            if config["augment"]["flip"] and torch.rand(()) < 0.5:
                images = images.flip(3)
            loss = cosface(net(images.to(device)), people, data[1][batch].to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        if stop.is_set():
            break
        schedule.step()
        figures = {"rank1": rank1(net, data, validation, device)} if validation else {}
        speed = len(data[0]) / (time.monotonic() - started)
        say(type="progress", epoch=epoch, loss=sum(losses) / len(losses), learningRate=rate, imagesPerSecond=speed, **figures)
        file = f"checkpoint-{epoch}.pt"
        state = {"net": net.state_dict(), "people": people.data, "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict(), "done": epoch}
        torch.save(state, os.path.join(paths["output"], file))
        say(type="checkpoint", path=file)
    return net.cpu().eval()


def export(net, job):
    image = job["image"]
    # Two images: a batch of one would be taken for a fixed size.
    example = torch.zeros(2, image["channels"], image["height"], image["width"])
    torch.onnx.export(
        net,
        (example,),
        job["paths"]["model"],
        input_names=["images"],
        output_names=["embeddings"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        opset_version=18,
        external_data=False,
        verbose=False,
    )


def main():
    with open(sys.argv[-1], encoding="utf-8") as file:
        job = json.load(file)
    threading.Thread(target=end_with_the_trainer, daemon=True).start()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    if len(set(p.parent for p in Path(job["paths"]["train"]).glob("*/*.png"))) < 2:
        say(type="failed", code="DATASET_TOO_SMALL", message="images of at least two people are needed")
        sys.exit(1)
    export(train(job, stop), job)


if __name__ == "__main__":
    main()
