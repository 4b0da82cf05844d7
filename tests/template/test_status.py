import gzip
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.template.material import NOW, Office, cbor, claims_of, flips, payload_of, random_bytes, sign
from visavis.errors import CredentialError, StatusListForged, StatusListMalformed, StatusListStale
from visavis.template import STATUS_AGE_MAX, STATUS_BITS, StatusList, key_id

TYPE = "application/statuslist+cwt"
SECOND = timedelta(seconds=1)


def header(office: Office) -> bytes:
    return cbor({1: -8, 4: key_id(office.signer.public), 16: TYPE})


def signed(payload: bytes, office: Office, protected: bytes | None = None) -> bytes:
    return sign(payload, office.signer, protected=header(office) if protected is None else protected)


def read(data: bytes, office: Office) -> StatusList:
    return StatusList.read(data, issuer=office.issuer)


def packed(office: Office, lst: bytes) -> bytes:
    """A list of the office's with these compressed bits."""
    return signed(cbor({**claims_of(office.status_list()), 65533: {"bits": 1, "lst": lst}}), office)


class TestForm:
    def test_its_size_stays(self) -> None:
        assert STATUS_BITS == 131_072
        assert timedelta(hours=24) == STATUS_AGE_MAX

    def test_its_bytes(self, office: Office) -> None:
        message = cbor2.loads(office.status_list(0, 9))
        assert message.tag == 18
        protected, unprotected, payload, signature = message.value
        assert cbor2.loads(protected) == {1: -8, 4: key_id(office.signer.public), 16: TYPE}
        assert (unprotected, len(signature)) == ({}, 64)
        claims = cbor2.loads(payload)
        entry = claims.pop(65533)
        assert claims == {1: "Example Office", 2: "https://example.org/status", 6: int(NOW.timestamp())}
        assert (set(entry), entry["bits"]) == ({"bits", "lst"}, 1)
        assert zlib.decompress(entry["lst"]) == b"\x01\x02" + bytes(16382)

    def test_it_says_whose_it_is_and_when_it_was_made(self, office: Office) -> None:
        found = read(office.status_list(), office)
        assert (found.issuer, found.address, found.issued_at) == ("Example Office", "https://example.org/status", NOW)
        assert len(found.bits) == 16_384

    @given(revoked=st.sets(st.integers(0, STATUS_BITS - 1), max_size=200))
    def test_those_are_revoked_and_no_others(self, office: Office, revoked: set[int]) -> None:
        found = read(office.status_list(*revoked), office)
        assert {index for index in range(STATUS_BITS) if found.bits[index // 8] and found.revoked(index)} == revoked
        assert all(found.revoked(index) for index in revoked)
        assert sum(each.bit_count() for each in found.bits) == len(revoked)

    @pytest.mark.parametrize(("index", "byte", "value"), [(0, 0, 1), (7, 0, 128), (8, 1, 1), (131_071, 16_383, 128)])
    def test_bits_are_counted_from_the_least_significant(
        self, office: Office, index: int, byte: int, value: int
    ) -> None:
        assert read(office.status_list(index), office).bits[byte] == value

    def test_the_fullest_list_can_be_read(self, office: Office) -> None:
        """Half of them revoked at random cannot be compressed at all."""
        bits = int.from_bytes(random_bytes(1, 16_384), "little")
        revoked = [index for index in range(STATUS_BITS) if bits >> index & 1]
        data = office.status_list(*revoked)
        assert 16_384 < len(data) < 17_000
        assert read(data, office).bits == random_bytes(1, 16_384)
        assert read(office.status_list(*range(STATUS_BITS)), office).bits == b"\xff" * 16_384

    @pytest.mark.parametrize("index", [-1, -131_072, 131_072, 10**6])
    def test_what_has_no_place_is_not_revoked(self, office: Office, index: int) -> None:
        """Least of all in another one's place."""
        with pytest.raises(IndexError, match="a status list has the places 0 to 131071"):
            office.status_list(index)
        with pytest.raises(IndexError, match="a status list has the places 0 to 131071"):
            read(office.status_list(), office).revoked(index)

    def test_an_issuer_without_an_address(self, office: Office) -> None:
        issuer = replace(office.issuer, status_list="")
        data = StatusList.make(issuer, [3], signer=office.signer, now=NOW)
        assert StatusList.read(data, issuer=issuer).revoked(3)

    def test_keys_rotate(self, tmp_path: Path) -> None:
        office = Office(tmp_path / "keys")
        old = office.status_list(1)
        office.keys.rotate("issuer")
        renewed = Office(tmp_path / "keys")
        for data in (old, renewed.status_list(1)):
            assert read(data, renewed).revoked(1)


class TestTampering:
    def test_no_flipped_bit_is_read(self, office: Office) -> None:
        data = office.status_list(5)
        payload = payload_of(data)
        start = data.index(payload)
        for place, flipped in flips(data):
            with pytest.raises(CredentialError) as caught:
                read(flipped, office)
            assert type(caught.value) in (StatusListMalformed, StatusListForged)
            if start <= place < start + len(payload) or place >= len(data) - 64:
                assert type(caught.value) is StatusListForged

    def test_nothing_may_be_missing_or_stand_around_it(self, office: Office) -> None:
        data = office.status_list(5)
        for changed in (
            *(data[:length] for length in range(len(data))),
            data + b"\0",
            b"\0" + data,
            data[1:],
            data * 2,
        ):
            with pytest.raises(StatusListMalformed, match="this is no status list of Example Office") as caught:
                read(changed, office)
            assert caught.value.code == "status_list_malformed"

    def test_another_signature(self, office: Office, other_office: Office) -> None:
        payload = payload_of(office.status_list(5))
        forged = sign(payload, other_office.signer, protected=header(office))
        with pytest.raises(StatusListForged, match="was changed or forged") as caught:
            read(forged, office)
        assert caught.value.code == "status_list_forged"


class TestOwner:
    def test_another_issuers_list(self, office: Office, other_office: Office) -> None:
        with pytest.raises(StatusListMalformed, match="signed with a key that the file of Example Office lacks"):
            read(other_office.status_list(), office)

    @pytest.mark.parametrize(
        "changes",
        [
            {"name": "Other"},
            {"name": "Another"},
            {"status_list": "https://example.org/other"},
            {"status_list": ""},
            {"status_list": "https://example.org/status/"},
        ],
    )
    def test_another_name_or_address(self, office: Office, changes: dict[str, str]) -> None:
        data = StatusList.make(replace(office.issuer, **changes), [], signer=office.signer, now=NOW)  # type: ignore[arg-type]
        with pytest.raises(StatusListMalformed, match="this is no status list of Example Office"):
            read(data, office)

    def test_a_credential_is_no_list(self, office: Office) -> None:
        with pytest.raises(StatusListMalformed, match="unexpected protected headers"):
            read(office.issue().data, office)

    @pytest.mark.parametrize(
        ("protected", "reason"),
        [
            ({1: -8}, "unexpected protected headers"),
            ({1: -8, 16: TYPE}, "unexpected protected headers"),
            ({1: -8, 4: None}, "unexpected protected headers"),
            ({1: -8, 4: None, 16: "application/cwt"}, "a message of another type"),
            ({1: -8, 4: None, 16: "statuslist+cwt"}, "a message of another type"),
            ({1: -8, 4: None, 16: TYPE, 3: 0}, "unexpected protected headers"),
            ({4: None, 16: TYPE}, "no algorithm is named"),
            ({1: -7, 4: None, 16: TYPE}, "another algorithm is named"),
            ({1: -19, 4: None, 16: TYPE}, "another algorithm is named"),
            ({1: 5, 4: None, 16: TYPE}, "another algorithm is named"),
        ],
    )
    def test_its_headers_are_those_and_no_others(self, office: Office, protected: dict[int, Any], reason: str) -> None:
        named = {
            label: key_id(office.signer.public) if value is None else value for label, value in protected.items()
        }  # fmt: skip
        with pytest.raises(StatusListMalformed, match=f"no status list of Example Office: {reason}"):
            read(signed(payload_of(office.status_list()), office, cbor(named)), office)


def _claim(label: object, value: object) -> Callable[[dict[int, Any]], Any]:
    return lambda claims: {**claims, label: value}


def _entry(**changes: Any) -> Callable[[dict[int, Any]], Any]:
    return lambda claims: claims | {65533: claims[65533] | changes}


def _without(label: int) -> Callable[[dict[int, Any]], Any]:
    return lambda claims: {key: value for key, value in claims.items() if key != label}


UNACCEPTABLE: dict[str, Callable[[dict[int, Any]], Any]] = {
    **{f"no claim {label}": _without(label) for label in (1, 2, 6, 65533)},
    **{f"a claim {label}": _claim(label, 60) for label in (4, 65534, 65535, 7, -1)},
    **{f"{label} true": _claim(label, True) for label in (1, 2, 6, 65533)},
    **{f"{label} null": _claim(label, None) for label in (1, 2, 6, 65533)},
    **{f"{label} as bytes": _claim(label, b"x") for label in (1, 2, 6, 65533)},
    "a time as text": _claim(6, "2026"),
    "a time as a float": _claim(6, NOW.timestamp()),
    "a time with a tag": _claim(6, cbor2.CBORTag(1, int(NOW.timestamp()))),
    "a time beyond the year 9999": _claim(6, 253402300800),
    "the end of time": _claim(6, 2**64 - 1),
    "the beginning of time": _claim(6, -(2**64)),
    "a time before 1970": _claim(6, -1),
    "two bits a credential": _entry(bits=2),
    "no bits a credential": _entry(bits=0),
    "true bits a credential": _entry(bits=True),
    "bits as text": _entry(bits="1"),
    "the list as text": _entry(lst="x"),
    "the list as a list": _entry(lst=[1]),
    "another member": _entry(aggregation_uri="https://example.org"),
    "no list": lambda claims: claims | {65533: {"bits": 1}},
    "no bits": lambda claims: claims | {65533: {"lst": claims[65533]["lst"]}},
    "a list of lists": lambda claims: claims | {65533: [claims[65533]]},
    "no map": lambda claims: [claims],
    "a number": lambda _: 1,
}


class TestClaims:
    def test_what_the_others_start_from_is_right(self, office: Office) -> None:
        data = office.status_list(5)
        assert signed(cbor(claims_of(data)), office) == data

    @pytest.mark.parametrize("name", list(UNACCEPTABLE))
    def test_what_is_never_written(self, office: Office, name: str) -> None:
        payload = cbor(UNACCEPTABLE[name](claims_of(office.status_list())))
        with pytest.raises(StatusListMalformed, match="this is no status list of Example Office") as caught:
            read(signed(payload, office), office)
        assert caught.value.code == "status_list_malformed"

    def test_another_encoding(self, office: Office) -> None:
        payload = payload_of(office.status_list())
        for changed in (payload + b"\0", payload[:-1], b"", b"\xb8\x04" + payload[1:], b"\xbf" + payload[1:] + b"\xff"):
            with pytest.raises(
                StatusListMalformed, match=r"no CBOR of the expected kind|not in deterministic encoding"
            ):
                read(signed(changed, office), office)

    def test_what_is_too_long(self, office: Office) -> None:
        with pytest.raises(StatusListMalformed, match="of bounded length"):
            read(signed(bytes(32_768), office), office)


BITS = random_bytes(1, 16_384)
RAW = zlib.compressobj(9, zlib.DEFLATED, -15)
PRIMED = zlib.compressobj(9, zlib.DEFLATED, 15, 9, zlib.Z_DEFAULT_STRATEGY, b"dictionary")

UNPACKABLE: dict[str, bytes] = {
    "nothing": b"",
    "rubbish": b"rubbish",
    "no bits": zlib.compress(b""),
    "a byte too few": zlib.compress(bytes(16_383)),
    "a byte too many": zlib.compress(bytes(16_385)),
    "twice as many": zlib.compress(bytes(32_768)),
    "30 MB": zlib.compress(bytes(30_000_000), 9),
    "a compressed list cut short": zlib.compress(BITS)[:-1],
    "a compressed list without its checksum": zlib.compress(BITS)[:-4],
    "a list with another checksum": zlib.compress(BITS)[:-1] + bytes([zlib.compress(BITS)[-1] ^ 1]),
    "trailing bytes": zlib.compress(bytes(16_384)) + b"\0",
    "two lists": zlib.compress(bytes(16_384)) * 2,
    "a list and a bomb": zlib.compress(bytes(16_384)) + zlib.compress(bytes(10_000_000), 9),
    "half a list, twice": zlib.compress(bytes(8_192)) * 2,
    "raw deflate": RAW.compress(bytes(16_384)) + RAW.flush(),
    "gzip": gzip.compress(bytes(16_384)),
    "a preset dictionary": PRIMED.compress(bytes(16_384)) + PRIMED.flush(),
    "not compressed": BITS,
}


class TestUnpacking:
    @pytest.mark.parametrize("level", range(10))
    def test_any_compression_is_read(self, office: Office, level: int) -> None:
        assert read(packed(office, zlib.compress(BITS, level)), office).bits == BITS

    @pytest.mark.parametrize("name", list(UNPACKABLE))
    def test_anything_but_the_list_is_refused(self, office: Office, name: str) -> None:
        with pytest.raises(StatusListMalformed, match=r"^this is no status list of Example Office$"):
            read(packed(office, UNPACKABLE[name]), office)

    @pytest.mark.parametrize("name", ["30 MB", "a list and a bomb"])
    def test_a_bomb_takes_no_memory(self, office: Office, name: str) -> None:
        data = packed(office, UNPACKABLE[name])
        tracemalloc.start()
        try:
            with pytest.raises(StatusListMalformed):
                read(data, office)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 500_000


class TestNewest:
    def newest(self, office: Office, *lists: bytes, now: datetime = NOW) -> StatusList:
        return StatusList.of(office.issuer, lists, now=now)

    def test_the_newest_of_those_that_can_be_read(self, office: Office, other_office: Office) -> None:
        lists = [office.status_list(hours, now=NOW - timedelta(hours=hours)) for hours in (3, 1, 2)]
        found = self.newest(office, b"", other_office.status_list(), *lists, b"rubbish")
        assert found.issued_at == NOW - timedelta(hours=1)
        assert found.revoked(1)
        assert not found.revoked(2)

    def test_none_at_hand(self, office: Office) -> None:
        with pytest.raises(StatusListStale, match="no status list of Example Office is at hand; fetch it") as caught:
            self.newest(office)
        assert caught.value.code == "status_list_stale"

    def test_none_that_can_be_read(self, office: Office, other_office: Office) -> None:
        with pytest.raises(StatusListMalformed, match="this is no status list of Example Office"):
            self.newest(office, other_office.status_list(), b"")
        _, forged = flips(office.status_list())[-1]
        with pytest.raises(StatusListForged, match="was changed or forged"):
            self.newest(office, forged)

    @pytest.mark.parametrize(
        ("age_s", "reason"),
        [
            (86_401, "is older than 24 hours; fetch it anew from its issuer"),
            (10**9, "is older than 24 hours"),
            (-61, r"is from the future; is this clock right\?"),
            (-(10**9), "is from the future"),
        ],
    )
    def test_one_that_says_nothing_of_now(self, office: Office, age_s: int, reason: str) -> None:
        with pytest.raises(StatusListStale, match=f"the status list of Example Office {reason}"):
            self.newest(office, office.status_list(now=NOW - age_s * SECOND))

    @pytest.mark.parametrize("age_s", [86_400, 86_399, 0, -60])
    def test_one_that_does(self, office: Office, age_s: int) -> None:
        assert self.newest(office, office.status_list(now=NOW - age_s * SECOND)).issued_at == NOW - age_s * SECOND

    def test_another_time_zone_is_the_same_time(self, office: Office) -> None:
        now = datetime.fromtimestamp(NOW.timestamp(), UTC)
        assert self.newest(office, office.status_list(), now=now).issued_at == NOW
