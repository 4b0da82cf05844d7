"""From a card to a compiled model: verify, fold, compile."""

from visavis.weights.cache import Cache
from visavis.weights.card import ModelCard
from visavis.weights.engine import CompiledModel, Engine, Network, Precision
from visavis.weights.fold import FOLDING, fold
from visavis.weights.locate import Places, read


class ModelStore:
    """Loads models with one engine.

    places: where files are looked for. cache: where folded and compiled models are kept.
    """

    def __init__(self, *, places: Places, cache: Cache, engine: Engine) -> None:
        self._places, self._cache, self.engine = places, cache, engine

    def network(self, card: ModelCard) -> Network:
        """The verified network. Raises ModelNotFound or ModelHashMismatch; folding happens when it is first needed."""
        data = read(card, self._places)
        key = f"fold{FOLDING}-{card.sha256}"
        return Network(key, lambda: self._cache.get_or_make(key, lambda: fold(data)))

    def compile(
        self,
        card: ModelCard,
        size_px: tuple[int, int] | None = None,
        precision: Precision = "fastest",
        *,
        one_at_a_time: bool = False,
    ) -> CompiledModel:
        """The model, compiled for three-channel inputs of `size_px` (height, width); by default the card's own size."""
        return self.engine.compile(
            self.network(card), (3, *(size_px or card.input.size_px)), precision, one_at_a_time=one_at_a_time
        )
