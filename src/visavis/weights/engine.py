"""Inference engines: one Protocol, and the choice of one that is installed.

An engine compiles a folded ONNX network for one input shape. What it returns is safe to call from many threads, gives
the same bits for the same input whatever else runs beside it, and uses no more threads than it was told to.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from visavis.errors import EngineUnavailable
from visavis.weights.cache import Cache

EngineName = Literal["openvino", "onnxruntime", "cuda"]
Precision = Literal["fastest", "float32"]
"""`fastest` is bfloat16 where the processor computes in it natively, else float32."""

ENGINES: tuple[EngineName, ...] = ("openvino", "onnxruntime", "cuda")


@dataclass(frozen=True, slots=True)
class Network:
    """A folded ONNX network: `key` names its contents (hash and folding version), `load` gives the bytes when needed."""

    key: str
    load: Callable[[], bytes]


class CompiledModel(Protocol):
    """A network ready to run."""

    @property
    def precision(self) -> str:
        """What it computes in: 'float32' or 'bfloat16'."""
        ...

    def run(self, batch: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """The network's outputs in its own order, each with the batch's length as first axis.

        batch: (N, C, H, W) float32 with the (C, H, W) that it was compiled for, N >= 1.
        """
        ...


class Engine(Protocol):
    """Something that runs networks."""

    @property
    def name(self) -> EngineName:
        """Its name in settings and reports."""
        ...

    @property
    def version(self) -> str:
        """The library's version, part of cache keys."""
        ...

    def compile(
        self,
        network: Network,
        shape: tuple[int, int, int],
        precision: Precision = "fastest",
        *,
        one_at_a_time: bool = False,
    ) -> CompiledModel:
        """Compile for inputs of `shape` (C, H, W). Raises ModelUnreadable when the network cannot be run.

        one_at_a_time: run one inference at a time, on all threads; for inputs so large that several would take too much memory.
        """
        ...


def make_engine(name: EngineName, *, threads: int, cache: Cache) -> Engine:
    """The engine called `name`. Raises EngineUnavailable when it is not installed or has no such device."""
    if threads < 1:
        raise EngineUnavailable(f"an engine needs at least one thread, not {threads}")
    if name == "openvino":
        from visavis.weights.openvino import OpenVINOEngine

        return OpenVINOEngine(threads=threads, cache=cache)
    if name in ENGINES:
        from visavis.weights.onnxruntime import ONNXRuntimeEngine

        return ONNXRuntimeEngine(threads=threads, cuda=name == "cuda")
    raise EngineUnavailable(f"there is no engine {name!r}; choose from {', '.join(ENGINES)}")
