"""OpenVINO, the default engine on CPUs.

Each inference uses one thread, and `threads` of them run side by side: a verification has two photos to work on, a batch
many, and single-threaded work on several inputs wastes nothing on waiting. Batches run item by item for the same reason
(measured: a batch of eight costs eight times one), which also makes results independent of the batch's shape.
"""

import hashlib
import sys
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.errors import EngineUnavailable, ModelUnreadable
from visavis.weights.cache import Cache
from visavis.weights.engine import EngineName, Network, Precision

# OpenVINO's package reports its import to its maker unless the module that does so is missing.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
try:
    import openvino
except ImportError as error:  # pragma: no cover - a core dependency; seen only in broken installations
    raise EngineUnavailable(f"OpenVINO cannot be imported ({error}); reinstall visavis") from error


class OpenVINOEngine:
    """OpenVINO on the CPU, with compiled models kept in the cache."""

    name: EngineName = "openvino"
    version: str = openvino.__version__

    def __init__(self, *, threads: int, cache: Cache) -> None:
        self._threads, self._cache = threads, cache
        self._core = openvino.Core()

    def compile(
        self,
        network: Network,
        shape: tuple[int, int, int],
        precision: Precision = "fastest",
        *,
        one_at_a_time: bool = False,
    ) -> "OpenVINOModel":
        """See `Engine.compile`."""
        streams = 1 if one_at_a_time else self._threads
        options: dict[str, Any] = {
            "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": self._threads,
            "ENABLE_CPU_PINNING": False,
        }
        if precision == "float32":
            options["INFERENCE_PRECISION_HINT"] = "f32"
        key = self._cache_key(network, shape, precision, streams)
        blob = self._cache.get(key)
        if blob is not None:
            try:
                return OpenVINOModel(self._core.import_model(blob, "CPU", options), streams)
            except RuntimeError:
                pass  # made by a build that names itself alike: make it anew
        try:
            model = self._core.read_model(network.load(), b"")
            model.reshape([1, *shape])
            compiled = self._core.compile_model(model, "CPU", options)
        except RuntimeError as error:
            raise ModelUnreadable(f"OpenVINO cannot run the model for inputs of {shape}: {error}") from error
        self._cache.put(key, _bytes(compiled.export_model()))
        return OpenVINOModel(compiled, streams)

    def _cache_key(self, network: Network, shape: tuple[int, int, int], precision: Precision, streams: int) -> str:
        processor = [self._core.get_property("CPU", name) for name in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")]
        what = (network.key, self.version, shape, precision, self._threads, streams, processor)
        return f"openvino-{hashlib.sha256(repr(what).encode()).hexdigest()[:32]}"


class OpenVINOModel:
    """A compiled network, and twice as many requests as streams; a caller beyond that waits for one.

    Twice, because a request whose result waits for Python is not running: another may use its stream meanwhile.
    """

    def __init__(self, compiled: "openvino.CompiledModel", streams: int) -> None:
        self._outputs = range(len(compiled.outputs))
        self._requests: SimpleQueue[Any] = SimpleQueue()
        for _ in range(2 * streams):
            self._requests.put(compiled.create_infer_request())
        kind = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        self.precision = {"f32": "float32", "bf16": "bfloat16"}.get(kind, kind)

    def run(self, batch: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """See `CompiledModel.run`."""
        request = self._requests.get()
        try:
            rows = [self._run_one(request, np.ascontiguousarray(item[None])) for item in batch]
        finally:
            self._requests.put(request)
        if len(rows) == 1:
            return rows[0]
        return tuple(np.concatenate(parts) for parts in zip(*rows, strict=True))

    def _run_one(self, request: Any, item: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        request.infer([item], share_inputs=True)
        return tuple(request.get_output_tensor(index).data.copy() for index in self._outputs)


def _bytes(exported: Any) -> bytes:
    """`export_model` has returned bytes, and a stream, in turn."""
    return exported if isinstance(exported, bytes) else bytes(exported.getvalue())
