"""Damaged and hostile files of a chip: every reader reads, or says ChipMalformed; every portrait decodes, or says an ImageError.

Seeded mutations of whole files, and of what lies deep in them with all lengths round it put right. By default a few thousand in
all; with VISAVIS_SOAK=1 in the environment, 100,000.
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import pytest

from tests.conftest import LONG, encoded, pixels
from tests.document.chip.writing import (
    FACE_39794,
    asn_record,
    binary_record,
    com,
    dg1,
    dg2,
    dg2_of,
    dg11,
    dg12,
    template,
    tlv,
)
from tests.mutating import Mutation, cut, duplicate, insert, mutated, remove, splice
from visavis.document.chip.com import read_com
from visavis.document.chip.details import read_details
from visavis.document.chip.faces import read_face
from visavis.document.chip.identity import read_identity
from visavis.document.chip.issuing import read_issuing
from visavis.document.chip.portrait import FACE_LIMITS, decode_face
from visavis.errors import ChipMalformed, ImageError

COUNT = 100_000 if LONG else 4_000
SEED = 20261130

WORDS = tuple(bytes.fromhex(word) for word in ("00", "7f", "80", "ff", "84ffffffff", "30", "7f61", "00" * 8, "ff" * 8))
"""Extreme numbers, and the starts of elements."""


def flip_bits(rng: random.Random, data: bytes, other: bytes) -> bytes:
    out = bytearray(data)
    head = rng.choice((20, 100, len(out)))
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        out[rng.randrange(min(head, len(out)))] ^= 1 << rng.randrange(8)
    return bytes(out)


def overwrite(rng: random.Random, data: bytes, other: bytes) -> bytes:
    word = rng.choice(WORDS)
    place = rng.randrange(min(len(data), rng.choice((20, 100, 10_000))))
    return data[:place] + word + data[place + len(word) :]


def replace_all(rng: random.Random, data: bytes, other: bytes) -> bytes:
    return rng.choice((b"", data[:1], bytes(len(data)), rng.randbytes(len(data)), b"\x30" * len(data), data + other))


MUTATIONS: tuple[Mutation, ...] = (flip_bits, cut, insert, remove, duplicate, splice, overwrite, replace_all)


@dataclass(frozen=True)
class Target:
    """What is damaged; how it becomes a file again; and what reads that."""

    sources: Sequence[bytes]
    file: Callable[[bytes], bytes]
    read: Callable[[bytes], object]


def look(data: bytes) -> object:
    """Read DG2 and decode its portrait."""
    face = read_face(data)
    assert decode_face(face).pixels.size <= 3 * FACE_LIMITS.max_pixels
    return face


@cache
def pictures() -> tuple[bytes, ...]:
    portrait = pixels("P001", "studio_portrait", 64)
    return (
        encoded(portrait, "JPEG"),
        encoded(portrait, "JPEG2000"),
        encoded(portrait, "JPEG2000", no_jp2=True, tile_size=(32, 32), precinct_size=(64, 64)),
    )


def whole(data: bytes) -> bytes:
    return data


TARGETS = (
    "EF.COM", "DG1", "DG2", "binary record", "record in BER", "picture", "DG11", "inside DG11", "DG12", "inside DG12",
)  # fmt: skip


def target(name: str) -> Target:
    zone = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<L898902C36UTO7408122F1204159ZE184226B<<<<<10"
    details = dg11(
        name="SMITH<<JOHN", other_names=["A<<B", "C"], personal_number="1", birth_date=b"19640812", birth_place="X<Y"
    )
    issuing = dg12(authority="UTOPIA", issue_date=b"20020531", endorsements="none")
    records = [binary_record(each, points=2) for each in pictures()]
    return {
        "EF.COM": Target([com(), com(b"\x61\x75\x6b\x6e")], whole, read_com),
        "DG1": Target([dg1(zone)], whole, read_identity),
        "DG2": Target([*map(dg2, pictures()), dg2(pictures()[1], encoding=FACE_39794)], whole, look),
        "binary record": Target(records, lambda data: dg2_of(template(data)), look),
        "record in BER": Target(
            [asn_record(each, optional=True) for each in pictures()],
            lambda data: dg2_of(template(data, constructed=True)),
            look,
        ),
        "picture": Target(pictures(), dg2, look),
        "DG11": Target([details, dg11(name="赵彬", other_names=["ZHAO<<BIN"], bare=True)], whole, read_details),
        "inside DG11": Target([details[2:]], lambda data: tlv(0x6B, data), read_details),
        "DG12": Target([issuing], whole, read_issuing),
        "inside DG12": Target([issuing[2:]], lambda data: tlv(0x6C, data), read_issuing),
    }[name]


@pytest.mark.parametrize("name", [pytest.param(each, marks=pytest.mark.soak) if LONG else each for each in TARGETS])
def test_damaged_files_are_read_or_refused_by_name(name: str) -> None:
    it = target(name)
    counts: Counter[str] = Counter()
    failures = []
    for how, data in mutated(name, it.sources, MUTATIONS, COUNT // len(TARGETS), seed=SEED):
        try:
            it.read(it.file(data))
            counts["read"] += 1
        except (ChipMalformed, ImageError) as error:
            counts[type(error).__name__] += 1
        except Exception as error:  # noqa: BLE001 - reported below
            failures.append(f"{how}: {type(error).__name__}: {error}: {data.hex()}")
    print(f"\n{name}: {dict(counts)}")  # noqa: T201
    assert failures == []
    assert counts["ChipMalformed"]
    assert counts["read"]


@pytest.mark.parametrize("name", TARGETS)
def test_the_mutations_are_seeded_and_the_sources_sound(name: str) -> None:
    it = target(name)
    once, again = (list(mutated(name, it.sources, MUTATIONS, 30, seed=SEED)) for _ in range(2))
    assert once == again
    for source in it.sources:
        assert it.read(it.file(source))
