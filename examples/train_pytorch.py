"""An outside training program for Nightshift's strategy "command", with PyTorch.

The contract is docs/training-command.md: the path of job.json is the last argument; progress goes to standard output as
JSON lines; the model goes to paths.model as ONNX. Needs: pip install torch pillow onnx onnxscript
"""

import json
import math
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
# Updates before a CUDA graph is recorded: the libraries choose their kernels in the first ones.
WARM_UPDATES = 3


def normed(channels, filters, kernel=3, stride=1):
    return [nn.Conv2d(channels, filters, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(filters)]


class Residual(nn.Module):
    def __init__(self, channels, filters, stride):
        super().__init__()
        self.body = nn.Sequential(*normed(channels, filters), nn.PReLU(filters), *normed(filters, filters, stride=stride))
        self.shortcut = nn.Sequential(*normed(channels, filters, 1, stride)) if stride > 1 else nn.Identity()

    def forward(self, images):
        return self.body(images) + self.shortcut(images)


def small_net(channels):
    layers = []
    for filters in (16, 32, 64):
        layers += [*normed(channels, filters), nn.MaxPool2d(2), nn.ReLU()]
        channels = filters
    return layers


def residual_net(channels):
    """The convolutions of the net that Nightshift ships as "face-resnet"."""
    layers = [*normed(channels, 32, stride=2), nn.PReLU(32)]
    for before, filters, stride in ((32, 32, 1), (32, 64, 2), (64, 64, 1), (64, 128, 2), (128, 128, 1)):
        layers.append(Residual(before, filters, stride))
    return [*layers, nn.AvgPool2d(2), *normed(128, 48, 1)]


class FaceNet(nn.Module):
    """Raw pixels [batch, channels, height, width], 0..255, to embeddings [batch, 128] of length 1."""

    def __init__(self, image, name):
        super().__init__()
        layers = (residual_net if name == "face-resnet" else small_net)(image["channels"])
        features = nn.Sequential(*layers, nn.Flatten()).eval()
        length = features(torch.zeros(1, image["channels"], image["height"], image["width"])).shape[1]
        self.features = features.append(nn.Linear(length, 128))

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


def draw(count, augment, seed):
    """How a pass shows the images, one row each, in its order: which image, mirrored or not, pixels down, pixels right.

    Drawn on the processor, so that a pass depends on nothing but its seed: not on the device, nor on a resumption.
    """
    random = torch.Generator().manual_seed(seed)
    order = torch.randperm(count, generator=random)
    mirrored = torch.randint(0, 2 if augment["flip"] else 1, (count,), generator=random)
    reach = augment["shiftPx"]
    moves = torch.randint(-reach, reach + 1, (count, 2), generator=random)
    return torch.cat([order[:, None], mirrored[:, None], moves], dim=1)


def shown(pixels, rows):
    """The images of `rows`, their edges repeated where they were moved. Brightness and contrast the net itself removes."""
    height, width = pixels.shape[2:]
    image, mirrored, down, right = rows[:, :, None].unbind(1)
    y = (torch.arange(height, device=rows.device) - down).clamp(0, height - 1)
    x = (torch.arange(width, device=rows.device) - right).clamp(0, width - 1)
    x = torch.where(mirrored > 0, width - 1 - x, x)
    return pixels[image[:, :, None], :, y[:, :, None], x[:, None, :]].permute(0, 3, 1, 2)


def cosface(embeddings, weights, classes):
    cosines = embeddings @ F.normalize(weights).T
    return F.cross_entropy(SCALE * (cosines - MARGIN * F.one_hot(classes, len(weights))), classes)


class Updates:
    """Updates of a net and of the classifier's rows `people`, each from a batch of rows that `draw` made.

    A batch goes through the net in passes of `micro` images: their gradients add up, and memory is that of one pass.
    On a card a whole batch's update is recorded as a CUDA graph: for a small net, starting its kernels one by one takes
    longer than their work.
    """

    def __init__(self, net, people, data, batch, micro):
        self.net, self.people, self.batch, self.micro = net, people, batch, micro
        self.pixels, self.classes = data
        self.device = people.device
        self.loss = torch.zeros((), device=self.device)
        cuda = self.device.type == "cuda"
        # The rate is a tensor, so that a recorded update can be given another.
        rate = torch.zeros((), device=self.device)
        self.optimizer = torch.optim.Adam([*net.parameters(), people], lr=rate, fused=True, capturable=cuda)
        self.recordable = cuda and self.pixels.device == self.device
        self.made, self.graph = 0, None

    def begin_pass(self, rate):
        self.optimizer.param_groups[0]["lr"].fill_(rate)
        self.loss.zero_()

    def __call__(self, rows):
        if not self.recordable or len(rows) < self.batch or self.made < WARM_UPDATES:
            self.update(rows)
            self.made += 1
            return
        if self.graph is None:
            self.record()
        self.rows.copy_(rows)
        self.graph.replay()

    def record(self):
        self.rows = torch.zeros(self.batch, 4, dtype=torch.int64, device=self.device)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, stream=torch.cuda.current_stream()):
            self.update(self.rows)

    def update(self, rows):
        self.optimizer.zero_grad()
        for part in rows.split(self.micro):
            loss = self.loss_of(part)
            (loss * (len(part) / len(rows))).backward()
            self.loss.add_(loss.detach(), alpha=len(part))
        self.optimizer.step()

    def loss_of(self, rows):
        images, classes = shown(self.pixels, rows), self.classes[rows[:, 0]]
        return cosface(self.net(images.to(self.device).float()), self.people, classes.to(self.device))

    def restore(self, state):
        """Of the optimiser's state only what it has learnt: the rest belongs to the device."""
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})


@torch.no_grad()
def rank1(net, train, validation, device, at_once):
    """The share of validation images whose nearest person, by the mean of its embeddings, is the right one."""
    net.eval()
    embed = lambda pixels: torch.cat([net(part.to(device).float()) for part in pixels.split(at_once)])
    embeddings, classes = embed(train[0]), train[1].to(device)
    means = torch.zeros(int(classes.max()) + 1, embeddings.shape[1], device=device).index_add_(0, classes, embeddings)
    return (embed(validation[0]) @ F.normalize(means).T).argmax(1).eq(validation[1].to(device)).float().mean().item()


def end_with_the_trainer():
    """Its end of our standard input closes when it dies; nothing is ever written to it."""
    sys.stdin.read()
    os._exit(1)


def device_of_training():
    if not torch.cuda.is_available():
        return torch.device("cpu")
    # With TF32 a card is faster, but rank-1 came out lower: docs/training-performance.md.
    torch.backends.cudnn.allow_tf32 = False
    # CUDA records no work of the default stream, and wants the warm-up on the recording's own stream.
    torch.cuda.set_stream(torch.cuda.Stream())
    return torch.device("cuda")


def placed(data, device):
    """On the device, unless the images would fill more than half of what is free there."""
    fits = device.type == "cpu" or data[0].nbytes <= torch.cuda.mem_get_info(device)[0] / 2
    return tuple(part.to(device) for part in data) if fits else data


def sizes(config, count):
    """Images of an update and of a pass; an update is whole passes."""
    batch = min(config["batchSize"], count)
    micro = min(config.get("microBatch", batch), batch)
    return batch - batch % micro, micro


def rate_of(config, epoch):
    """Falls from the configured rate along a cosine."""
    return config["learningRate"] * (1 + math.cos(math.pi * (epoch - 1) / config["epochs"])) / 2


def start(job, data, device):
    """The net, the classifier's rows and their updates; drawn on the processor, so that every device starts alike."""
    torch.manual_seed(job["seed"])
    net = FaceNet(job["image"], job["config"]["net"]).to(device, memory_format=torch.channels_last)
    people = nn.Parameter(torch.randn(len(job["labels"]), 128).to(device))
    return net, people, Updates(net, people, data, *sizes(job["config"], len(data[0])))


def train(job, stop):
    config, paths, began = job["config"], job["paths"], time.monotonic()
    device = device_of_training()
    print(f"training on {device}", file=sys.stderr)
    data = placed(load(paths["train"], job["image"]["channels"]), device)
    validation = load(paths["validation"], job["image"]["channels"]) if job["images"]["validation"] else None
    net, people, updates = start(job, data, device)
    done = 0
    if paths["checkpoint"]:
        state = torch.load(paths["checkpoint"], map_location=device)
        net.load_state_dict(state["net"])
        people.data.copy_(state["people"])
        updates.restore(state["optimizer"])
        done = state["done"]

    for epoch in range(done + 1, config["epochs"] + 1):
        net.train()
        started, rate = time.monotonic(), rate_of(config, epoch)
        updates.begin_pass(rate)
        rows = draw(len(data[0]), config["augment"], job["seed"] + epoch).to(data[0].device)
        if len(rows) % updates.batch % updates.micro == 1:
            rows = rows[:-1]  # Batch-norm needs more than one image.
        for batch in rows.split(updates.batch):
            if stop.is_set() or time.monotonic() - began > job["maxDurationMs"] / 1000:
                stop.set()
                break
            updates(batch)
        if stop.is_set():
            break
        # The one wait for a card in a pass: it works on while the next updates are asked of it.
        loss = updates.loss.item() / len(rows)
        speed = len(rows) / (time.monotonic() - started)
        figures = {"rank1": rank1(net, data, validation, device, max(32, updates.micro))} if validation else {}
        say(type="progress", epoch=epoch, loss=loss, learningRate=rate, imagesPerSecond=speed, **figures)
        file = f"checkpoint-{epoch}.pt"
        state = {"net": net.state_dict(), "people": people.data, "optimizer": updates.optimizer.state_dict()["state"]}
        torch.save({**state, "done": epoch}, os.path.join(paths["output"], file))
        say(type="checkpoint", path=file)
    return net.to("cpu", memory_format=torch.contiguous_format).eval()


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
