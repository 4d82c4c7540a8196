"""BentoML for `npm run bench -- serving --peers`: pixels in, JSON out, one worker."""
import os
import sys

MODEL, PORT, CHANNELS, HEIGHT, WIDTH, BATCH_MAX = sys.argv[1], *map(int, sys.argv[2:7])
SERVICE = f"""
import bentoml, numpy as np, onnxruntime
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

app = Starlette()

@bentoml.service(workers=1)
@bentoml.asgi_app(app)
class Embedder:
    def __init__(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession({MODEL!r}, options, providers=["CPUExecutionProvider"])

        async def embed(request):
            pixels = np.frombuffer(await request.body(), np.uint8).astype(np.float32)
            (rows,) = session.run(["embeddings"], {{"images": pixels.reshape(1, {CHANNELS}, {HEIGHT}, {WIDTH})}})
            return JSONResponse({{"embedding": rows[0].tolist()}})

        app.router.routes.append(Route("/", embed, methods=["POST"]))
"""
folder = os.path.dirname(MODEL)
with open(os.path.join(folder, "bench_service.py"), "w") as file:
    file.write(SERVICE)
bento = [sys.executable, "-m", "bentoml", "serve", "bench_service:Embedder"]
os.execv(sys.executable, [*bento, "--host", "127.0.0.1", "--port", str(PORT), "--working-dir", folder])
