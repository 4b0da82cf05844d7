"""ONNX Runtime: on CPUs where OpenVINO is not wanted, and on NVIDIA GPUs (`visavis[gpu]`)."""

import numpy as np
from numpy.typing import NDArray

from visavis.errors import EngineUnavailable, ModelUnreadable
from visavis.weights.engine import EngineName, Network, Precision

try:
    import onnxruntime
except ImportError as error:
    raise EngineUnavailable(
        "ONNX Runtime is not installed; expected `pip install visavis[onnxruntime]`, or `visavis[gpu]` for CUDA"
    ) from error


class ONNXRuntimeEngine:
    """ONNX Runtime on the CPU, one thread an inference, or on the first CUDA device, a whole batch at a time."""

    version: str = onnxruntime.__version__

    def __init__(self, *, threads: int, cuda: bool = False) -> None:
        del threads  # callers bring them: each `run` works on the thread that calls it
        self.name: EngineName = "cuda" if cuda else "onnxruntime"
        self._provider = "CUDAExecutionProvider" if cuda else "CPUExecutionProvider"
        if self._provider not in onnxruntime.get_available_providers():
            raise EngineUnavailable(
                "this ONNX Runtime has no CUDA; install `visavis[gpu]` in an environment without `visavis[onnxruntime]`, "
                "or choose the engine 'openvino'"
            )

    def compile(
        self,
        network: Network,
        shape: tuple[int, int, int],
        precision: Precision = "fastest",
        *,
        one_at_a_time: bool = False,
    ) -> "ONNXRuntimeModel":
        """See `Engine.compile`. Computes in float32 whatever `precision` is."""
        del precision, one_at_a_time
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        for axis, size in zip((2, 3), shape[1:], strict=True):
            options.add_free_dimension_override_by_name(f"axis_{axis}", size)
        try:
            session = onnxruntime.InferenceSession(network.load(), options, providers=[self._provider])
            model = ONNXRuntimeModel(session)
            model.run(np.zeros((1, *shape), dtype=np.float32))  # some networks fail only when they run
        except Exception as error:
            raise ModelUnreadable(f"ONNX Runtime cannot run the model: {error}") from error
        if self._provider not in session.get_providers():
            raise EngineUnavailable("CUDA was asked for and could not be started; see `visavis doctor`")
        return model


class ONNXRuntimeModel:
    """A session; ONNX Runtime allows `run` from many threads at once."""

    precision = "float32"

    def __init__(self, session: "onnxruntime.InferenceSession") -> None:
        self._session = session
        self._input = session.get_inputs()[0].name

    def run(self, batch: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """See `CompiledModel.run`."""
        outputs = self._run(batch)
        if all(len(output) == len(batch) for output in outputs):
            return outputs
        # the network was exported for batches of one and folds a longer one into its other axes: YuNet does
        rows = [self._run(item[None]) for item in batch]
        return tuple(np.concatenate(parts) for parts in zip(*rows, strict=True))

    def _run(self, batch: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        return tuple(self._session.run(None, {self._input: np.ascontiguousarray(batch)}))
