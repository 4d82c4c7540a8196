"""Ray Serve for `npm run bench -- serving --peers`: pixels in, JSON out, batches as large as a replica's."""
import sys
import time

import numpy as np
import onnxruntime
from ray import serve
from starlette.requests import Request

MODEL, PORT, CHANNELS, HEIGHT, WIDTH, BATCH_MAX = sys.argv[1], *map(int, sys.argv[2:7])


@serve.deployment(num_replicas=1, max_ongoing_requests=256)
class Embedder:
    def __init__(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])

    @serve.batch(max_batch_size=BATCH_MAX, batch_wait_timeout_s=0)
    async def embed(self, bodies):
        pixels = np.frombuffer(b"".join(bodies), np.uint8).astype(np.float32)
        (rows,) = self.session.run(["embeddings"], {"images": pixels.reshape(-1, CHANNELS, HEIGHT, WIDTH)})
        return [{"embedding": row.tolist()} for row in rows]

    async def __call__(self, request: Request):
        return await self.embed(await request.body())


serve.start(http_options={"host": "127.0.0.1", "port": PORT})
serve.run(Embedder.bind())
while True:
    time.sleep(60)
