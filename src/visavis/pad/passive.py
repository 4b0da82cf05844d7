"""A model that looks at single frames, where an operator has one: it adds to what the turns tell, and takes nothing from it."""

from threading import Lock
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from visavis.errors import ManifestInvalid, ModelUnreadable
from visavis.face import Face, sample
from visavis.image import Image
from visavis.weights import CompiledModel, Crop, ModelCard, ModelStore


class PassiveModel(Protocol):
    """Tells a bona fide presentation from an artefact by one frame, by a threshold of its own."""

    @property
    def id(self) -> str:
        """Its name in reports."""

    def accepts(self, pixels: NDArray[np.uint8], face: Face) -> bool:
        """Whether a frame, (H, W, 3) RGB, with this face in it, is taken for bona fide."""


class PassiveNetwork:
    """A `PassiveModel` by a network and its card. Safe to use from many threads; compiled at the first frame.

    Computes in float32 whatever the processor is fastest in: the threshold was set by its scores.
    Raises ManifestInvalid for a card of another purpose.
    """

    def __init__(self, store: ModelStore, card: ModelCard) -> None:
        if card.pad is None:
            raise ManifestInvalid(f"the model {card.id} is for {card.purpose}, not for presentation attack detection")
        self._store, self._card, self._contract = store, card, card.pad
        self._model: CompiledModel | None = None
        self._lock = Lock()

    @property
    def id(self) -> str:
        """That of its card."""
        return self._card.id

    def accepts(self, pixels: NDArray[np.uint8], face: Face) -> bool:
        """See `PassiveModel.accepts`. Raises what `score` does."""
        return self.score(pixels, face) >= self._contract.threshold

    def score(self, pixels: NDArray[np.uint8], face: Face) -> float:
        """How bona fide a frame, (H, W, 3) RGB, is: the output for that class, higher for more, in 0..1 after softmax.

        Raises a ModelError where the model is missing, changed, unreadable or not as its card says.
        """
        model = self.load()
        outputs = self._outputs(model, self._card.input.batch(self.crop(pixels, face)[None]))
        if not np.isfinite(outputs).all():
            raise ModelUnreadable(f"the model {self.id} gave an output that is no number; check its manifest")
        if self._contract.softmax:
            outputs = np.exp(outputs - outputs.max())
            outputs /= outputs.sum()
        return float(outputs[self._contract.bona_fide])

    def crop(self, pixels: NDArray[np.uint8], face: Face) -> NDArray[np.uint8]:
        """What the network is shown of a frame, (height, width, 3) RGB in its input's size."""
        rows, columns = pixels.shape[:2]
        size_px = self._card.input.size_px
        matrix = _placed(self._contract.crop, face, (columns, rows), size_px)
        return sample(Image(pixels[:], None, (columns, rows)), matrix, size_px)

    def load(self) -> CompiledModel:
        """The network, compiled now if it was not yet. Raises what `score` does."""
        with self._lock:
            if self._model is None:
                model = self._store.compile(self._card, precision="float32")
                self._outputs(model, np.zeros((1, 3, *self._card.input.size_px), dtype=np.float32))
                self._model = model
            return self._model

    def _outputs(self, model: CompiledModel, batch: NDArray[np.float32]) -> NDArray[np.float64]:
        output, *others = model.run(batch)
        if others or output.size != self._contract.classes:
            shapes = ", ".join(str(each.shape) for each in (output, *others))
            raise ModelUnreadable(
                f"the model {self.id} gives outputs of shape {shapes}; its manifest says (1, {self._contract.classes})"
            )
        return output.reshape(-1).astype(np.float64)


def _placed(crop: Crop, face: Face, frame_px: tuple[int, int], size_px: tuple[int, int]) -> NDArray[np.float64]:
    """(2, 3) from pixels of the frame, (width, height), to those of the network's input, (height, width)."""
    height, width = size_px
    left, top, across, down = face.box_px
    eyes = face.landmarks_px[1] - face.landmarks_px[0]
    if crop.of == "box":
        unit_px, centre = max(across, down), np.array([left + across / 2, top + down / 2])
    else:
        unit_px, centre = face.inter_eye_distance_px, face.landmarks_px.mean(axis=0, dtype=np.float64)
    scale = height / (crop.times * max(unit_px, 1e-3))
    if crop.keep_inside:
        frame, shape = np.array(frame_px), np.array([width, height])
        scale = max(scale, *(shape / frame))
        half = shape / scale / 2
        centre = np.clip(centre, half, frame - half)
    turn = np.arctan2(eyes[1], eyes[0]) if crop.upright else 0.0
    a, b = scale * np.cos(turn), -scale * np.sin(turn)
    x, y = centre
    return np.array([[a, -b, width / 2 - a * x + b * y], [b, a, height / 2 - b * x - a * y]])
