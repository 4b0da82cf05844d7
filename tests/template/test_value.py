import math
import struct
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.template.material import MODEL, OTHER_MODEL, embedding, flips, template
from visavis.embedding import Embedding, compare, fuse
from visavis.errors import ModelMismatch, TemplateMalformed
from visavis.template import Template

NON_MATED_MEAN = 0.1


def unit(values: np.ndarray) -> Embedding:
    return Embedding((values / np.linalg.norm(values)).astype(np.float32), MODEL)


def embeddings(dimension: int | None = None) -> st.SearchStrategy[Embedding]:
    """Of every shape: even, steep, and with nothing but a few components."""

    def drawn(seed: int, steepness: float, dimension: int) -> Embedding:
        vector = np.random.default_rng(seed).normal(size=dimension)
        return unit(vector * np.abs(vector) ** steepness)

    dimensions = st.integers(1, 600) if dimension is None else st.just(dimension)
    return st.builds(drawn, st.integers(0, 2**32 - 1), st.floats(0, 8), dimensions)


def layout(
    vector: list[int],
    *,
    version: int = 1,
    dimension: int | None = None,
    scale: float | None = None,
    quality: int = 10000,
) -> bytes:
    """As docs/formats.md has it; the scale is the one that gives unit length."""
    length = math.sqrt(sum(each * each for each in vector))
    return struct.pack(
        f">B8sHfH{len(vector)}b",
        version,
        bytes.fromhex(MODEL[:16]),
        len(vector) if dimension is None else dimension,
        1 / length if scale is None else scale,
        quality,
        *vector,
    )


class TestAccuracy:
    @given(reference=embeddings(128), probe=embeddings(128))
    def test_rounding_moves_a_score_by_its_length_at_most(self, reference: Embedding, probe: Embedding) -> None:
        kept = Template.of([reference])
        rounding = kept.scale / 2 * math.sqrt(128)
        assert compare(kept.embedding(MODEL), probe) == pytest.approx(compare(reference, probe), abs=2 * rounding)

    def test_of_faces_it_loses_no_accuracy(self) -> None:
        """Less than a thousandth of a score on average, and never enough for a policy to notice."""
        people = [(embedding(seed, spread=0.7), embedding(seed, spread=0.7, frame=1)) for seed in range(1000)]
        kept = [Template.of([reference]).embedding(MODEL) for reference, _ in people]
        for apart in (0, 1):
            probes = [probe for _, probe in people[apart:] + people[:apart]]
            lost = [
                compare(after, probe) - compare(before, probe)
                for after, (before, _), probe in zip(kept, people, probes, strict=True)
            ]
            assert math.sqrt(np.mean(np.square(lost))) < 1e-3
            assert max(map(abs, lost)) < 3e-3

    @given(one=embeddings())
    def test_it_is_a_direction_of_the_same_model(self, one: Embedding) -> None:
        kept = Template.of([one])
        whole = kept.embedding(MODEL)
        assert whole.vector.dtype == np.float32
        assert whole.vector.shape == one.vector.shape
        assert float(np.linalg.norm(whole.vector.astype(np.float64))) == pytest.approx(1, abs=1e-6)
        assert (whole.model_sha256, whole.agreement) == (MODEL, 1.0)

    @given(one=embeddings())
    def test_the_largest_component_takes_the_whole_range(self, one: Embedding) -> None:
        vector = Template.of([one]).vector.astype(int)
        assert np.abs(vector).max() == 127
        largest = int(np.abs(one.vector).argmax())
        assert abs(vector[largest]) == 127
        assert np.sign(vector[largest]) == np.sign(one.vector[largest])


class TestQuality:
    def test_of_a_single_capture_it_is_10000(self) -> None:
        assert template().quality == 10000

    @given(seed=st.integers(0, 10_000), spread=st.floats(0.05, 2), count=st.integers(2, 8))
    def test_it_keeps_how_far_fused_captures_agree(self, seed: int, spread: float, count: int) -> None:
        frames = [embedding(seed, spread=spread, frame=frame) for frame in range(count)]
        whole = fuse(frames, [1.0] * count)
        kept = Template.of(frames)
        assert kept.quality == round(whole.agreement * 10_000)
        assert kept.embedding(MODEL).agreement == pytest.approx(whole.agreement, abs=0.5e-4 + 1e-9)

    def test_it_levels_scores_as_the_embedding_did(self) -> None:
        frames = [embedding(1, spread=0.7, frame=frame) for frame in range(3)]
        whole, probe = fuse(frames, [1.0] * 3), embedding(2)
        kept = Template.of(frames).embedding(MODEL)
        added = compare(whole, probe) - compare(whole, probe, non_mated_mean=NON_MATED_MEAN)
        assert added > 0.01
        still = compare(kept, probe) - compare(kept, probe, non_mated_mean=NON_MATED_MEAN)
        assert still == pytest.approx(added, abs=1e-4)

    def test_captures_weigh_alike(self) -> None:
        frames = [embedding(1, spread=0.7, frame=frame) for frame in range(3)]
        assert bytes(Template.of(frames)) == bytes(Template.of([fuse(frames, [0.2] * 3)]))

    def test_captures_that_hardly_agree_have_the_least_there_is(self) -> None:
        vector = embedding(1).vector
        assert Template.of([Embedding(vector.copy(), MODEL, 1e-5)]).quality == 1

    def test_without_captures_there_is_no_template(self) -> None:
        with pytest.raises(ValueError, match="one or more embeddings"):
            Template.of([])

    def test_captures_of_two_models_make_none(self) -> None:
        with pytest.raises(ModelMismatch, match=r"abababababababab….*cdcdcdcdcdcdcdcd…"):
            Template.of([embedding(1), embedding(1, model=OTHER_MODEL)])


class TestModel:
    def test_another_models_probe_is_refused(self) -> None:
        with pytest.raises(ModelMismatch, match=r"abababababababab….*cdcdcdcdcdcdcdcd…") as caught:
            template().embedding(OTHER_MODEL)
        assert caught.value.code == "model_mismatch"

    def test_eight_bytes_name_the_model(self) -> None:
        kept = template()
        assert kept.model == bytes.fromhex(MODEL[:16])
        assert kept.embedding(MODEL[:16] + "0" * 48).model_sha256 == MODEL[:16] + "0" * 48


class TestFormat:
    def test_its_layout(self) -> None:
        one = unit(np.array([3.0, -4.0]))
        data = bytes(Template.of([one]))
        assert data == bytes.fromhex(
            "01" + "ab" * 8 + "0002" + struct.pack(">f", np.float32(0.8) / 127).hex() + "2710" + "5f81"
        )
        assert len(bytes(template())) == 145

    @given(one=embeddings())
    def test_what_is_written_is_read(self, one: Embedding) -> None:
        data = bytes(Template.of([one]))
        read = Template.parse(data)
        assert bytes(read) == data
        np.testing.assert_array_equal(read.embedding(MODEL).vector, Template.of([one]).embedding(MODEL).vector)

    @given(
        vector=st.lists(st.integers(-128, 127), min_size=1, max_size=6),
        version=st.sampled_from([1, 1, 1, 0, 2]),
        more=st.sampled_from([0, 0, 0, 0, 1, -1]),
        stretch=st.sampled_from([1.0, 1.0, 1.0, 1.004, 0.99, 1.1, 0.5, -1.0, 0.0, math.inf, math.nan]),
        quality=st.integers(0, 10001) | st.integers(0, 0xFFFF),
        tail=st.binary(max_size=2),
    )
    def test_what_is_read_is_what_would_be_written(
        self, vector: list[int], version: int, more: int, stretch: float, quality: int, tail: bytes
    ) -> None:
        length = math.sqrt(sum(each * each for each in vector)) or 1.0
        data = layout(
            vector, version=version, dimension=len(vector) + more, scale=stretch / length, quality=quality
        )  # fmt: skip
        with suppress(TemplateMalformed):
            assert bytes(Template.parse(data + tail)) == data + tail

    def test_each_flipped_bit_is_refused_or_another_template(self) -> None:
        for _, data in flips(bytes(template())):
            with suppress(TemplateMalformed):
                assert bytes(Template.parse(data)) == data

    @pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
    def test_it_holds_a_copy(self, kind: type[bytes] | type[bytearray] | type[memoryview]) -> None:
        source = bytearray(bytes(template()))
        read = Template.parse(kind(source))
        source[:] = bytes(len(source))
        assert bytes(read) == bytes(template())

    def test_its_vector_is_read_only(self) -> None:
        for one in (template(), Template.parse(bytes(template()))):
            with pytest.raises(ValueError, match="read-only"):
                one.vector[0] = 1


GOOD = [127, -3, 50]

REFUSED = {
    "nothing": (b"", "at least 18 bytes, got 0"),
    "a header cut short": (layout(GOOD)[:16], "at least 18 bytes, got 16"),
    "no vector": (layout(GOOD)[:17], "as many bytes as its dimension says"),
    "a vector cut short": (layout(GOOD)[:-1], "as many bytes as its dimension says"),
    "a byte too many": (layout(GOOD) + b"\0", "as many bytes as its dimension says"),
    "dimension 0": (layout(GOOD, dimension=0)[:17], "1 to 65,535 signed bytes"),
    "version 0": (layout(GOOD, version=0), "expected version 1"),
    "version 2": (layout(GOOD, version=2), "expected version 1"),
    "quality 0": (layout(GOOD, quality=0), "quality of 1 to 10000"),
    "quality 10001": (layout(GOOD, quality=10001), "quality of 1 to 10000"),
    "quality 65535": (layout(GOOD, quality=65535), "quality of 1 to 10000"),
    "a component of -128": (layout([-128, -3, 50]), "largest component to be 127"),
    "a component of -128 beside 127": (layout([-128, 127, 50]), "largest component to be 127"),
    "a largest component of 126": (layout([126, -3, 50]), "largest component to be 127"),
    "zeros": (layout([0, 0, 0], scale=1 / 127), "largest component to be 127"),
    "scale 0": (layout(GOOD, scale=0.0), "unit length"),
    "scale -0": (layout(GOOD, scale=-0.0), "unit length"),
    "a negative scale": (layout(GOOD, scale=-1 / math.hypot(*GOOD)), "unit length"),
    "an infinite scale": (layout(GOOD, scale=math.inf), "unit length"),
    "a scale of minus infinity": (layout(GOOD, scale=-math.inf), "unit length"),
    "no number as scale": (layout(GOOD, scale=math.nan), "unit length"),
    "a huge scale": (layout(GOOD, scale=3e38), "unit length"),
    "a scale a little too large": (layout(GOOD, scale=1.02 / math.hypot(*GOOD)), "unit length"),
    "a scale a little too small": (layout(GOOD, scale=0.98 / math.hypot(*GOOD)), "unit length"),
}


class TestRefusals:
    def test_what_the_others_start_from_is_right(self) -> None:
        assert bytes(Template.parse(layout(GOOD))) == layout(GOOD)

    @pytest.mark.parametrize("name", list(REFUSED))
    def test_what_is_never_written(self, name: str) -> None:
        data, reason = REFUSED[name]
        with pytest.raises(TemplateMalformed, match=reason) as caught:
            Template.parse(data)
        assert caught.value.code == "template_malformed"

    def test_the_length_may_be_off_by_the_rounding_and_a_thousandth(self) -> None:
        length = math.hypot(*GOOD)
        scale = 1 / length
        room = scale / 2 * math.sqrt(len(GOOD)) + 1e-3
        for sign in (-1, 1):
            Template.parse(layout(GOOD, scale=scale * (1 + sign * 0.99 * room)))
            with pytest.raises(TemplateMalformed, match="unit length"):
                Template.parse(layout(GOOD, scale=scale * (1 + sign * 1.01 * room)))

    @pytest.mark.parametrize(
        ("vector", "model"),
        [
            (np.array([[127]], np.int8), bytes(8)),
            (np.array([127], np.int16), bytes(8)),
            (np.array([], np.int8), bytes(8)),
            (np.array([127], np.int8), bytes(7)),
            (np.array([127], np.int8), bytes(9)),
            (np.full(65536, 127, np.int8), bytes(8)),
        ],
    )
    def test_what_no_template_can_hold(self, vector: np.ndarray, model: bytes) -> None:
        with pytest.raises(TemplateMalformed, match="1 to 65,535 signed bytes and 8 bytes for its model"):
            Template(vector, 1 / 127, model, 10000)


class TestSilence:
    def test_wiping_leaves_nothing(self) -> None:
        one = template()
        vector = one.vector
        assert vector.any()
        one.wipe()
        assert not vector.any()

    def test_leaving_the_with_statement_wipes(self) -> None:
        with template() as one:
            vector = one.vector
            assert vector.any()
        assert not vector.any()

    def test_so_does_leaving_it_with_an_error(self) -> None:
        one = template()
        vector = one.vector
        with pytest.raises(RuntimeError, match="something else"), one:
            raise RuntimeError("something else")
        assert not vector.any()

    def test_it_shows_nothing(self) -> None:
        one = template()
        assert f"{one} {one!r} {[one]}" == "<Template> <Template> [<Template>]"

    def test_refusals_show_nothing(self) -> None:
        data = bytearray(bytes(template()))
        data[15:17] = b"\0\0"
        with pytest.raises(TemplateMalformed) as caught:
            Template.parse(data)
        assert str(caught.value) == "expected a quality of 1 to 10000"
