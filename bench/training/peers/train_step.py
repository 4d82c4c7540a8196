"""A Python peer of `npm run bench -- training`: the same net, batch and step in JAX, TensorFlow or PyTorch on the CPU.

Called as `train_step.py FRAMEWORK THREADS SUBJECT`, the subject as JSON from training-subject.ts. Prints {"ready": true}
after its first step; then each line on standard input starts a turn of about a second, answered by one JSON line. A step
is forward, CosFace loss, backward and Adam in float32, batch-norm with the statistics of the batch.
"""

import json
import os
import resource
import sys
import time

import numpy

TURN_S = 1.0
EPSILON = 1e-3
BETA1, BETA2, ADAM_EPSILON = 0.9, 0.999, 1e-8


def main():
    framework, threads, subject = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
    # One core per thread, whatever pools the library starts.
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:threads]))
    step = {"jax": jax_step, "tensorflow": tensorflow_step, "torch": torch_step}[framework](subject, threads)
    for _ in range(2):
        step()
    print(json.dumps({"ready": True}), flush=True)
    for _ in sys.stdin:
        print(json.dumps(turn(step, subject["batch"])), flush=True)


def turn(step, batch):
    began = time.perf_counter()
    steps = 0
    while time.perf_counter() - began < TURN_S:
        step()
        steps += 1
    per_second = batch * steps / (time.perf_counter() - began)
    return {"perSecond": per_second, "peakRssMb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def batch_of(subject):
    """Random images [batch, channels, height, width] and classes."""
    image, random = subject["image"], numpy.random.default_rng(1)
    shape = (subject["batch"], image["channels"], image["height"], image["width"])
    return random.standard_normal(shape, numpy.float32), numpy.arange(subject["batch"]) % subject["classes"]


def start_of(shape, fan_in):
    return (numpy.random.default_rng(1).standard_normal(shape) * (2 / fan_in) ** 0.5).astype(numpy.float32)


def parameters_of(subject, channels_last):
    """In the order of the layers; convolutions as [h, w, in, out] or [out, in, h, w]; the classes last."""
    found = []
    for leaf in leaves_of(subject["layers"]):
        for parameter in leaf.get("parameters", []):
            name, shape = parameter["name"], parameter["shape"]
            if name == "weight" and len(shape) == 4:
                value = start_of(shape, shape[1] * shape[2] * shape[3])
                found.append(value.transpose(2, 3, 1, 0).copy() if channels_last else value)
            elif name == "weight":
                found.append(start_of(shape, shape[0]))
            else:
                found.append(numpy.full(shape, {"gamma": 1.0, "slope": 0.25}.get(name, 0.0), numpy.float32))
    dimensions = subject["layers"][-1]["output"][0]
    return found + [start_of((subject["classes"], dimensions), dimensions)]


def leaves_of(layers):
    for layer in layers:
        if layer["type"] == "residual":
            yield from leaves_of(layer["layers"])
            yield from leaves_of(layer["shortcut"])
        else:
            yield layer


def forward(ops, layers, x, parameters):
    """`ops` holds one function per layer type; `parameters` is an iterator in their order."""
    for layer in layers:
        if layer["type"] == "residual":
            body = forward(ops, layer["layers"], x, parameters)
            x = body + forward(ops, layer["shortcut"], x, parameters)
        else:
            own = [next(parameters) for _ in layer["parameters"]]
            x = ops[layer["type"]](layer, x, *own)
    return x


def side_pads(layer):
    top, left, bottom, right = layer["pads"]
    return [(top, bottom), (left, right)]


def jax_step(subject, _threads):
    import jax
    import jax.numpy as np
    from jax import lax

    def conv(layer, x, weight, *bias):
        strides = (layer["stride"], layer["stride"])
        y = lax.conv_general_dilated(x, weight, strides, side_pads(layer), dimension_numbers=("NHWC", "HWIO", "NHWC"))
        return y + bias[0] if bias else y

    def batch_norm(_layer, x, gamma, beta):
        axes = tuple(range(x.ndim - 1))
        mean, variance = x.mean(axes), x.var(axes)
        return (x - mean) * (gamma * lax.rsqrt(variance + EPSILON)) + beta

    def pool(start, combine, scale):
        def apply(layer, x):
            size = (1, layer.get("size", 2), layer.get("size", 2), 1)
            return lax.reduce_window(x, start, combine, size, size, "VALID") * scale(layer.get("size", 2))

        return apply

    ops = {
        "conv": conv,
        "batch-norm": batch_norm,
        "relu": lambda _layer, x: np.maximum(x, 0),
        "prelu": lambda _layer, x, slope: np.where(x > 0, x, slope * x),
        "max-pool": pool(-np.inf, lax.max, lambda size: 1),
        "average-pool": pool(0.0, lax.add, lambda size: 1 / size**2),
        "global-average-pool": lambda _layer, x: x.mean((1, 2)),
        "flatten": lambda _layer, x: x.reshape(x.shape[0], -1),
        "dense": lambda _layer, x, weight, *bias: x @ weight + (bias[0] if bias else 0),
    }
    images, classes = batch_of(subject)
    target = jax.nn.one_hot(classes, subject["classes"])
    images = np.asarray(images.transpose(0, 2, 3, 1))
    loss_settings = subject["loss"]

    def unit(rows):
        return rows * lax.rsqrt((rows * rows).sum(1, keepdims=True) + 1e-12)

    def loss_of(parameters, images):
        embeddings = forward(ops, subject["layers"], images, iter(parameters[:-1]))
        scores = unit(embeddings) @ unit(parameters[-1]).T
        logits = loss_settings["scale"] * (scores - loss_settings["margin"] * target)
        return -(target * jax.nn.log_softmax(logits)).sum() / subject["batch"]

    def update(state, images, t):
        parameters, m, v = state
        loss, gradient = jax.value_and_grad(loss_of)(parameters, images)
        m = jax.tree.map(lambda a, g: BETA1 * a + (1 - BETA1) * g, m, gradient)
        v = jax.tree.map(lambda a, g: BETA2 * a + (1 - BETA2) * g * g, v, gradient)
        rate = subject["learningRate"] / (1 - BETA1**t)
        move = lambda p, a, b: p - rate * a / (np.sqrt(b / (1 - BETA2**t)) + ADAM_EPSILON)
        return (jax.tree.map(move, parameters, m, v), m, v), loss

    compiled = jax.jit(update, donate_argnums=0)
    start = [np.asarray(value) for value in parameters_of(subject, True)]
    zeros = lambda: [np.zeros_like(value) for value in start]
    box = {"state": (start, zeros(), zeros()), "t": 0}

    def step():
        box["t"] += 1
        box["state"], loss = compiled(box["state"], images, float(box["t"]))
        return float(loss)

    return step


def tensorflow_step(subject, threads):
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)

    def conv(layer, x, weight, *bias):
        y = tf.nn.conv2d(x, weight, layer["stride"], [(0, 0), *side_pads(layer), (0, 0)])
        return y + bias[0] if bias else y

    def batch_norm(_layer, x, gamma, beta):
        if len(x.shape) == 4:
            return tf.compat.v1.nn.fused_batch_norm(x, gamma, beta, epsilon=EPSILON, is_training=True)[0]
        mean, variance = tf.nn.moments(x, 0)
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, EPSILON)

    def pool(kind):
        return lambda layer, x: kind(x, layer.get("size", 2), layer.get("size", 2), "VALID")

    ops = {
        "conv": conv,
        "batch-norm": batch_norm,
        "relu": lambda _layer, x: tf.nn.relu(x),
        "prelu": lambda _layer, x, slope: tf.where(x > 0, x, slope * x),
        "max-pool": pool(tf.nn.max_pool2d),
        "average-pool": pool(tf.nn.avg_pool2d),
        "global-average-pool": lambda _layer, x: tf.reduce_mean(x, (1, 2)),
        "flatten": lambda _layer, x: tf.reshape(x, (x.shape[0], -1)),
        "dense": lambda _layer, x, weight, *bias: tf.matmul(x, weight) + (bias[0] if bias else 0),
    }
    images, classes = batch_of(subject)
    images, target = tf.constant(images.transpose(0, 2, 3, 1)), tf.one_hot(classes, subject["classes"])
    variables = [tf.Variable(value) for value in parameters_of(subject, True)]
    moments = [(tf.Variable(tf.zeros_like(value)), tf.Variable(tf.zeros_like(value))) for value in variables]
    time_step, loss_settings = tf.Variable(0.0), subject["loss"]

    @tf.function
    def update():
        time_step.assign_add(1.0)
        with tf.GradientTape() as tape:
            embeddings = forward(ops, subject["layers"], images, iter(variables[:-1]))
            unit = lambda rows: tf.nn.l2_normalize(rows, 1)
            scores = tf.matmul(unit(embeddings), unit(variables[-1]), transpose_b=True)
            logits = loss_settings["scale"] * (scores - loss_settings["margin"] * target)
            loss = -tf.reduce_sum(target * tf.nn.log_softmax(logits)) / subject["batch"]
        beta1, beta2 = (1 - tf.pow(beta, time_step) for beta in (BETA1, BETA2))
        for variable, gradient, (m, v) in zip(variables, tape.gradient(loss, variables), moments):
            tf.raw_ops.ResourceApplyAdam(
                **{"var": variable.handle, "m": m.handle, "v": v.handle, "grad": gradient, "lr": subject["learningRate"]},
                **{"beta1_power": 1 - beta1, "beta2_power": 1 - beta2},
                **{"beta1": BETA1, "beta2": BETA2, "epsilon": ADAM_EPSILON},
            )
        return loss

    return lambda: float(update())


def torch_step(subject, threads):
    import torch
    from torch.nn import functional as F

    torch.set_num_threads(threads)

    def conv(layer, x, weight, *bias):
        top, left, bottom, right = layer["pads"]
        if (top, left) == (bottom, right):
            return F.conv2d(x, weight, *bias, stride=layer["stride"], padding=(top, left))
        return F.conv2d(F.pad(x, (left, right, top, bottom)), weight, *bias, stride=layer["stride"])

    def pool(kind):
        return lambda layer, x: kind(x, layer.get("size", 2))

    ops = {
        "conv": conv,
        "batch-norm": lambda _layer, x, *own: F.batch_norm(x, None, None, *own, training=True, eps=EPSILON),
        "relu": lambda _layer, x: F.relu(x),
        "prelu": lambda _layer, x, slope: F.prelu(x, slope),
        "max-pool": pool(F.max_pool2d),
        "average-pool": pool(F.avg_pool2d),
        "global-average-pool": lambda _layer, x: x.mean((2, 3)),
        "flatten": lambda _layer, x: x.flatten(1),
        "dense": lambda _layer, x, weight, *bias: x @ weight + (bias[0] if bias else 0),
    }
    images, classes = batch_of(subject)
    # The layout that PyTorch advises for convolutions on Intel's processors.
    images = torch.from_numpy(images).contiguous(memory_format=torch.channels_last)
    target = F.one_hot(torch.from_numpy(classes), subject["classes"]).float()
    parameters = [torch.from_numpy(value).requires_grad_() for value in parameters_of(subject, False)]
    optimizer = torch.optim.Adam(parameters, lr=subject["learningRate"], betas=(BETA1, BETA2), eps=ADAM_EPSILON)
    loss_settings = subject["loss"]

    def step():
        optimizer.zero_grad(set_to_none=True)
        embeddings = forward(ops, subject["layers"], images, iter(parameters[:-1]))
        scores = F.normalize(embeddings) @ F.normalize(parameters[-1]).T
        logits = loss_settings["scale"] * (scores - loss_settings["margin"] * target)
        loss = -(target * F.log_softmax(logits, 1)).sum() / subject["batch"]
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step


if __name__ == "__main__":
    main()
