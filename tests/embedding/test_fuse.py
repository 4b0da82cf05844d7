import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.embedding.test_embedding import embedding, vectors
from visavis.embedding import Embedding, compare, fuse
from visavis.errors import ModelMismatch

UNHURRIED = settings(deadline=None)
WEIGHTS = st.floats(1e-3, 1.0)


def frames(least: int = 1) -> st.SearchStrategy[list[tuple[Embedding, float]]]:
    """Frames of one face, as like each other as real ones, and their weights."""

    def near(centre: Embedding, seeds: list[tuple[int, float]]) -> list[tuple[Embedding, float]]:
        return [
            (embedding(centre.vector + 0.05 * np.random.default_rng(seed).normal(size=128)), weight)
            for seed, weight in seeds
        ]

    return st.builds(
        near, vectors(), st.lists(st.tuples(st.integers(0, 2**32 - 1), WEIGHTS), min_size=least, max_size=8)
    )


def fused(weighted: Sequence[tuple[Embedding, float]]) -> Embedding:
    return fuse([each for each, _ in weighted], [weight for _, weight in weighted])


class TestFuse:
    @UNHURRIED
    @given(weighted=frames())
    def test_it_is_a_direction_of_the_same_model(self, weighted: list[tuple[Embedding, float]]) -> None:
        whole = fused(weighted)
        assert whole.vector.shape == (128,)
        assert whole.vector.dtype == np.float32
        assert float(np.linalg.norm(whole.vector.astype(np.float64))) == pytest.approx(1, abs=1e-6)
        assert whole.model_sha256 == weighted[0][0].model_sha256

    @UNHURRIED
    @given(weighted=frames(), data=st.data())
    def test_the_order_does_not_count(self, weighted: list[tuple[Embedding, float]], data: st.DataObject) -> None:
        shuffled = data.draw(st.permutations(weighted))
        np.testing.assert_allclose(fused(shuffled).vector, fused(weighted).vector, atol=1e-6)

    @UNHURRIED
    @given(weighted=frames(), scale=st.floats(1e-300, 1e300))
    def test_only_the_ratios_of_weights_count(self, weighted: list[tuple[Embedding, float]], scale: float) -> None:
        scaled = [(each, weight * scale) for each, weight in weighted]
        np.testing.assert_allclose(fused(scaled).vector, fused(weighted).vector, atol=1e-6)

    @UNHURRIED
    @given(one=vectors(), weight=st.floats(min_value=0, exclude_min=True, allow_infinity=False))
    def test_a_single_one_is_itself(self, one: Embedding, weight: float) -> None:
        np.testing.assert_allclose(fuse([one], [weight]).vector, one.vector, atol=1e-6)

    @UNHURRIED
    @given(one=vectors(), count=st.integers(1, 6))
    def test_equal_ones_are_themselves(self, one: Embedding, count: int) -> None:
        np.testing.assert_allclose(fuse([one] * count, [1.0] * count).vector, one.vector, atol=1e-6)

    @UNHURRIED
    @given(weighted=frames(least=2))
    def test_a_weight_of_zero_leaves_a_frame_out(self, weighted: list[tuple[Embedding, float]]) -> None:
        (first, _), *others = weighted
        np.testing.assert_array_equal(fused([(first, 0.0), *others]).vector, fused(others).vector)

    @UNHURRIED
    @given(weighted=frames(least=2), probe=vectors())
    def test_its_score_is_the_mean_score_over_the_means_length(
        self, weighted: list[tuple[Embedding, float]], probe: Embedding
    ) -> None:
        total = math.fsum(weight for _, weight in weighted)
        length = np.linalg.norm(sum(weight / total * each.vector.astype(np.float64) for each, weight in weighted))
        mean = math.fsum(weight / total * compare(each, probe) for each, weight in weighted)
        assert compare(fused(weighted), probe) == pytest.approx(mean / length, abs=1e-5)

    def test_it_is_the_weighted_mean(self) -> None:
        whole = fuse([embedding([1, 0]), embedding([0, 1])], [3, 4])
        np.testing.assert_allclose(whole.vector, [0.6, 0.8], atol=1e-7)

    def test_the_largest_weights_do_not_overflow(self) -> None:
        whole = fuse([embedding([1, 0]), embedding([0, 1])], [1e308, 1e308])
        np.testing.assert_allclose(whole.vector, [0.5**0.5, 0.5**0.5], atol=1e-7)

    @pytest.mark.parametrize(("count", "weights"), [(0, []), (0, [1.0]), (2, [1.0]), (1, [1.0, 1.0])])
    def test_every_embedding_has_a_weight(self, count: int, weights: list[float]) -> None:
        with pytest.raises(ValueError, match=f"one weight for each .* got {len(weights)} for {count}"):
            fuse([embedding([1, 0])] * count, weights)

    @pytest.mark.parametrize(
        "weights", [[1.0, -1e-9], [-1.0, -1.0], [0.0, 0.0], [math.nan, 1.0], [math.inf, 1.0], [1.0, -math.inf]]
    )
    def test_weights_that_say_nothing_are_refused(self, weights: list[float]) -> None:
        with pytest.raises(ValueError, match="finite, not negative and not all zero"):
            fuse([embedding([1, 0]), embedding([0, 1])], weights)

    def test_mixed_models_are_refused(self) -> None:
        with pytest.raises(ModelMismatch, match=r"aaaaaaaaaaaaaaaa….*bbbbbbbbbbbbbbbb") as refusal:
            fuse([embedding([1, 0], "a" * 64), embedding([1, 0], "b" * 64)], [1.0, 1.0])
        assert refusal.value.code == "model_mismatch"

    @UNHURRIED
    @given(one=vectors())
    def test_opposed_ones_are_refused_without_their_values(self, one: Embedding) -> None:
        opposite = Embedding(-one.vector, one.model_sha256)
        with pytest.raises(ValueError, match=r"^the embeddings cancel each other out; fuse frames of one person only$"):
            fuse([one, opposite], [1.0, 1.0])


class TestAgreement:
    @UNHURRIED
    @given(weighted=frames(least=2))
    def test_it_is_how_long_the_mean_was(self, weighted: list[tuple[Embedding, float]]) -> None:
        share = np.array([weight for _, weight in weighted]) / sum(weight for _, weight in weighted)
        mean = (share[:, None] * np.stack([each.vector for each, _ in weighted])).sum(axis=0)
        assert fused(weighted).agreement == pytest.approx(min(1, np.linalg.norm(mean)), abs=1e-6)

    @UNHURRIED
    @given(reference=vectors(), probe=vectors())
    def test_a_single_photo_scores_as_ever(self, reference: Embedding, probe: Embedding) -> None:
        assert compare(reference, probe, non_mated_mean=0.1) == compare(reference, probe)

    @pytest.mark.parametrize("count", [2, 3, 5, 10])
    def test_it_takes_off_what_fusing_adds_to_strangers(self, count: int) -> None:
        """Strangers' scores have a mean above zero; it must be the same for any number of frames."""
        random = np.random.default_rng(count)
        common = np.zeros(128)
        common[0] = np.sqrt(0.1 * 128 / 0.9)

        def face() -> np.ndarray:
            return common + random.normal(size=128)

        scores = []
        for _ in range(1500):
            probe = face()
            views = [embedding(probe + 0.7 * random.normal(size=128)) for _ in range(count)]
            other = embedding(face())
            single, whole = views[0], fuse(views, [1.0] * count)
            scores.append((compare(other, single), compare(other, whole), compare(other, whole, non_mated_mean=0.085)))
        single, raised, levelled = np.mean(scores, axis=0)
        assert raised > single + 0.005
        assert levelled == pytest.approx(single, abs=0.006)

    def test_what_was_fused_is_not_fused_again(self) -> None:
        """Its agreement would be forgotten."""
        random = np.random.default_rng(0)
        once = fuse([embedding(np.eye(128)[0] + 0.05 * random.normal(size=128)) for _ in range(2)], [1.0, 1.0])
        with pytest.raises(ValueError, match="single photos"):
            fuse([once, embedding(np.eye(128)[0])], [1.0, 1.0])

    @pytest.mark.parametrize("agreement", [0.0, -0.1, 1.1, math.nan])
    def test_it_lies_in_0_to_1(self, agreement: float) -> None:
        with pytest.raises(ValueError, match="agreement"):
            Embedding(embedding(np.eye(128)[0]).vector, "ab" * 32, agreement)
