# A client of the Open Inference Protocol as anybody writes it with tritonclient[http]; run by the interop test.
import sys

import numpy
import tritonclient.http as http

address, token, image = sys.argv[1:4]
headers = {"Authorization": f"Bearer {token}"}
client = http.InferenceServerClient(address)
assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("face")
assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
assert client.get_model_metadata("face")["versions"] == ["1"]

with open(image, "rb") as file:
    data = numpy.array([file.read()] * 3, dtype=numpy.object_)
tensor = http.InferInput("image", [3], "BYTES")
tensor.set_data_from_numpy(data, binary_data=True)

for binary in (True, False):
    outputs = [http.InferRequestedOutput(name, binary_data=binary) for name in ("person", "known", "score")]
    result = client.infer("face", [tensor], outputs=outputs, request_id="door-1", headers=headers)
    people = [it.decode() if isinstance(it, bytes) else it for it in result.as_numpy("person")]
    assert people == ["p0"] * 3, people
    assert result.as_numpy("known").tolist() == [True] * 3
    assert result.as_numpy("score").dtype == numpy.float32
    assert result.get_response()["model_version"] == "1" and result.get_response()["id"] == "door-1"

assert client.infer("face", [tensor], model_version="1", headers=headers, timeout=2_000_000).as_numpy("score").shape == (3,)
verified = client.infer("face", [tensor], headers=headers, parameters={"person": "p0"})
assert verified.as_numpy("match").tolist() == [True] * 3

for wanted, version, sent in (("412", "7", headers), ("401", "", None)):
    try:
        client.infer("face", [tensor], model_version=version, headers=sent)
        raise SystemExit(f"expected {wanted}")
    except http.InferenceServerException as error:
        assert wanted in str(error.status()), error.status()
print("ok")
