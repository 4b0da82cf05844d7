import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.document.chip.pki import (
    CONTENT_TYPE,
    GROUPS,
    MASTER_LIST,
    MESSAGE_DIGEST,
    NOW,
    SECURITY_OBJECT,
    SIGNING_TIME,
    YEAR,
    Authority,
    How,
    attribute,
    hash_identifier,
    integer,
    key_id,
    octets,
    oid,
    pair,
    security_object,
    sequence,
    set_of,
    sod,
    time,
)
from tests.document.chip.writing import tlv
from visavis.document.chip.certificates import read_certificate
from visavis.document.chip.sod import SOD_BYTES_MAX, Sod, read_sod
from visavis.errors import ChipMalformed

AUTHORITY = Authority.make()
SIGNER = AUTHORITY.signer()
CONTENT = security_object(GROUPS)
DIGESTS = {number: hashlib.sha256(data).digest() for number, data in GROUPS.items()}


def refused(data: bytes, match: str = "EF.SOD is malformed") -> None:
    with pytest.raises(ChipMalformed, match=match):
        read_sod(data)


def of_content(content: bytes) -> Sod:
    return read_sod(sod(SIGNER.message(content)))


class TestReading:
    @pytest.mark.parametrize("hash_name", ["sha1", "sha224", "sha256", "sha384", "sha512"])
    @pytest.mark.parametrize("version", [0, 1])
    def test_what_it_says(self, hash_name: str, version: int) -> None:
        read = read_sod(SIGNER.sod(GROUPS, hash_name, version=version))
        assert read.hash == hash_name
        assert read.hashes == {number: hashlib.new(hash_name, data).digest() for number, data in GROUPS.items()}
        assert all(read.holds(number, data) for number, data in GROUPS.items())
        assert not read.holds(1, GROUPS[2])
        assert not read.holds(1, GROUPS[1] + b"\0")
        assert not read.holds(3, GROUPS[1])
        assert read.message.content_holds
        assert read.message.signature_holds
        assert read.message.signer is not None
        assert read.message.signer.data == SIGNER.data
        assert repr(read) == "<Sod of 4 groups>"
        assert repr(read.message) == f"<SignedMessage {SECURITY_OBJECT}>"

    @pytest.mark.parametrize("version", [1, 3, 4])
    def test_versions_of_the_message(self, version: int) -> None:
        assert read_sod(SIGNER.sod(version=0)).hashes == read_sod(sod(SIGNER.message(CONTENT, version=version))).hashes

    def test_a_signer_named_by_his_key(self) -> None:
        read = read_sod(SIGNER.sod(identifier=tlv(0x80, key_id(SIGNER.info))))
        assert read.message.signer is not None
        assert read.message.signature_holds
        assert read_sod(SIGNER.sod(identifier=tlv(0x80, bytes(20)))).message.signer is None

    def test_a_signer_who_is_not_inside(self) -> None:
        missing: list[dict[str, Any]] = [
            {"certificates": []},
            {"certificates": [AUTHORITY.data]},
            {"identifier": sequence(SIGNER.issuer, integer(8))},
            {"identifier": sequence(Authority.make("FR").name, integer(SIGNER.serial))},
        ]
        for changes in missing:
            read = read_sod(SIGNER.sod(**changes))
            assert read.message.signer is None
            assert read.message.content_holds
            assert not read.message.signature_holds

    def test_other_things_inside_are_passed_over(self) -> None:
        read = read_sod(
            SIGNER.sod(
                certificates=[AUTHORITY.data, SIGNER.data, Authority.make("FR").data],
                lists=[AUTHORITY.revocation_list(7)],
                unsigned=tlv(0xA1, attribute("1.2.3", integer(1))),
            )
        )
        assert read.message.signer is not None
        assert read.message.signer.data == SIGNER.data
        assert read.message.signature_holds

    def test_attributes_are_signed_in_the_order_of_their_encoding(self) -> None:
        """RFC 5652, 5.4: in whatever order they stand there."""
        attributes = SIGNER.attributes(CONTENT, SECURITY_OBJECT, "sha256")
        for given_ in (attributes, attributes[::-1], [attributes[1], attributes[0], attributes[2]]):
            assert read_sod(SIGNER.sod(given=given_)).message.signature_holds

    def test_algorithms_that_are_not_supported(self) -> None:
        assert read_sod(SIGNER.sod(digest="sha512")).message.algorithm is None  # another than the signature's
        rsa = AUTHORITY.signer(pair("RSA 2048"))
        assert read_sod(rsa.sod(how=How("pss", salt_bytes=8))).message.algorithm is None
        assert read_sod(rsa.sod(how=How("rsa", "sha384"), digest="sha384")).message.signature_holds
        read = of_content(
            sequence(integer(0), hash_identifier("md5"), sequence(sequence(integer(1), octets(bytes(16)))))
        )
        assert read.hash is None
        assert not read.holds(1, b"")


class TestSignedParts:
    """What a forger changes is noticed: nothing that is believed stands outside the signature."""

    def test_another_content(self) -> None:
        good = SIGNER.sod()
        read = read_sod(good.replace(CONTENT, security_object({**GROUPS, 2: b"another"})))
        assert (read.message.content_holds, read.message.signature_holds) == (False, True)

    def test_another_digest_in_the_attributes(self) -> None:
        other = security_object({1: b"another"})
        attributes = SIGNER.attributes(other, SECURITY_OBJECT, "sha256")
        read = read_sod(sod(SIGNER.message(CONTENT, given=attributes)))
        assert (read.message.content_holds, read.message.signature_holds) == (False, False)

    def test_another_type_of_content(self) -> None:
        """What was signed as a master list is no list of hashes."""
        read = read_sod(sod(SIGNER.message(CONTENT, content_type=MASTER_LIST, said=SECURITY_OBJECT)))
        assert (read.message.content_holds, read.message.signature_holds) == (False, True)

    def test_another_key(self) -> None:
        other = AUTHORITY.signer(pair("P-256", 5))
        read = read_sod(other.sod(certificates=[SIGNER.data]))
        assert (read.message.content_holds, read.message.signature_holds) == (True, False)

    def test_the_content_itself_is_not_what_is_signed(self) -> None:
        """A signature of the content, as messages without attributes have it, beside attributes."""
        direct = SIGNER.message(CONTENT, attributes=[], given=SIGNER.attributes(CONTENT, SECURITY_OBJECT, "sha256"))
        assert not read_sod(sod(direct)).message.signature_holds


SHA256, ONE = hash_identifier("sha256"), sequence(integer(1), octets(bytes(32)))


def group_hashes(*pairs: tuple[int, bytes]) -> bytes:
    return security_object(pairs)


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        "changes",
        [
            {"signers": 2},
            {"signers": 0},
            {"attributes": []},
            {"certificates": [SIGNER.data, SIGNER.data]},
            {"certificates": [SIGNER.data, AUTHORITY.signer(pair("P-256", 5)).data]},  # of the same name and serial
            {"certificates": [AUTHORITY.signer(pair("P-256", 5), serial=number).data for number in range(9)]},
            {"certificates": [SIGNER.data[:-1]]},
            {"certificates": [tlv(0x30, b"\x30\x80\0\0")]},
            {"said": MASTER_LIST},
            {"said": "1.2.840.113549.1.7.1"},
        ],
        ids=["two signers", "none", "no attributes", "a certificate twice", "two of one number", "too many", "one cut off",
             "one in BER", "another type", "data"],
    )  # fmt: skip
    def test_messages(self, changes: dict[str, Any]) -> None:
        refused(SIGNER.sod(**changes))

    @pytest.mark.parametrize(
        "attributes",
        [
            lambda good: good[1:],
            lambda good: [good[0], good[2]],
            lambda good: [*good, good[0]],
            lambda good: [*good, good[1]],
            lambda good: [*good, attribute(MESSAGE_DIGEST, octets(bytes(32)))],
            lambda good: [*good, attribute(CONTENT_TYPE, oid(MASTER_LIST))],
            lambda good: [*good, attribute("1.2.3", integer(1)), attribute("1.2.3", integer(2))],
            lambda good: [good[0], attribute(MESSAGE_DIGEST, octets(bytes(32)), octets(hashlib.sha256(CONTENT).digest()))],
            lambda good: [attribute(CONTENT_TYPE, oid(SECURITY_OBJECT), oid(MASTER_LIST)), good[1]],
            lambda good: [good[0], attribute(MESSAGE_DIGEST), good[2]],
            lambda good: [good[0], attribute(MESSAGE_DIGEST, integer(1)), good[2]],
            lambda good: [*good, *(attribute(f"1.2.{number}", integer(1)) for number in range(40))],
            lambda good: [good[0], sequence(oid(MESSAGE_DIGEST), b"\x31\x81\x22" + octets(hashlib.sha256(CONTENT).digest()))],
            lambda good: [good[0], sequence(oid(MESSAGE_DIGEST), tlv(0x31, tlv(0x24, octets(hashlib.sha256(CONTENT).digest()))))],
        ],
        ids=["no type", "no digest", "the type twice", "the digest twice", "two digests", "two types", "another twice",
             "two values", "two types in one", "no value", "a number", "too many", "a long length", "in pieces"],
    )  # fmt: skip
    def test_attributes(self, attributes) -> None:  # type: ignore[no-untyped-def]
        good = SIGNER.attributes(CONTENT, SECURITY_OBJECT, "sha256")
        refused(SIGNER.sod(attributes=attributes(good)))

    @pytest.mark.parametrize(
        "content",
        [
            group_hashes(),
            group_hashes((0, bytes(32))),
            group_hashes((17, bytes(32))),
            group_hashes((-1, bytes(32))),
            group_hashes((2**4000, bytes(32))),
            group_hashes((1, bytes(32)), (1, bytes(32))),
            group_hashes((1, bytes(32)), (1, bytes(31) + b"\1")),
            group_hashes((1, bytes(31))),
            group_hashes((1, bytes(20))),
            group_hashes((1, b"")),
            group_hashes(*((number % 16 + 1, bytes(32)) for number in range(17))),
            sequence(integer(2), SHA256, sequence(ONE)),
            sequence(integer(0), SHA256, sequence(sequence(integer(1), octets(bytes(32)), integer(1))), integer(1)),
            sequence(integer(0), SHA256, set_of(ONE)),
            sequence(integer(0), SHA256, octets(b"")),
            sequence(integer(0), integer(1), sequence(ONE)),
            sequence(integer(0), SHA256, sequence(sequence(octets(bytes(32)), integer(1)))),
            sequence(integer(0), SHA256, sequence(integer(1))),
            sequence(),
            b"",
            CONTENT + b"\0",
            CONTENT[:-1],
            b"\x30\x80" + CONTENT[4:] + b"\0\0",
            b"\x30\x83\0" + CONTENT[2:],
        ],
    )  # fmt: skip
    def test_lists_of_hashes(self, content: bytes) -> None:
        refused(sod(SIGNER.message(content)))

    def test_files(self) -> None:
        good = SIGNER.sod()
        message = good[4:]
        for data in (
            b"", good[:-1], good + b"\0", good[1:], b"\x78" + good[1:], sod(b""), sod(message + message), sod(message + b"\0"),
            sod(sequence(oid("1.2.840.113549.1.7.1"), tlv(0xA0, octets(CONTENT)))), sod(SIGNER.data), sod(CONTENT),
            sod(sequence(oid("1.2.840.113549.1.7.2"))), sod(b"\x30\x80" + message[4:] + b"\0\0"), sod(bytes(100)),
        ):  # fmt: skip
            with pytest.raises(ChipMalformed):
                read_sod(data)

    def test_what_is_large_or_deep(self) -> None:
        refused(SIGNER.sod(unsigned=tlv(0xA1, bytes(SOD_BYTES_MAX))), "at most 65,536 are read")
        bomb = b"\x30\0"
        for _ in range(2000):
            bomb = sequence(bomb)
        refused(SIGNER.sod(unsigned=tlv(0xA1, bomb)), "deep")
        refused(sod(b"\x30\x80" * 30_000))
        long_identifier = tlv(0x06, b"\xff" * 50_000 + b"\x01")
        refused(SIGNER.sod(unsigned=tlv(0xA1, sequence(long_identifier, set_of()))), "longer than any in use")
        refused(
            SIGNER.sod(unsigned=tlv(0xA1, tlv(0x1F, b"")[:1] + b"\xff" * 50_000 + b"\1\0")), "longer than any in use"
        )

    def test_a_certificate_of_the_signer_that_cannot_be_read(self) -> None:
        odd = AUTHORITY.signer(changes={"2.5.29.15": (True, b"")})
        refused(odd.sod(), "no X.509 certificate")


OTHER_SIGNER = AUTHORITY.signer(pair("RSA 2048"))
GENUINE = {read_certificate(each.data).signed for each in (SIGNER, OTHER_SIGNER)}
DAMAGED = (
    SIGNER.sod(),
    OTHER_SIGNER.sod(how=How("pss")),
    SIGNER.sod(version=1, identifier=tlv(0x80, key_id(SIGNER.info)), certificates=[AUTHORITY.data, SIGNER.data]),
)


@given(data=st.data())
def test_damaged_files_are_read_or_refused(data: st.DataObject) -> None:
    damaged = bytearray(data.draw(st.sampled_from(DAMAGED)))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        read = read_sod(bytes(damaged))
    except ChipMalformed:
        return
    message = read.message
    if message.signature_holds and message.content_holds and message.signer and message.signer.signed in GENUINE:
        assert read.hashes == DIGESTS


@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for each in (data, sod(data), sod(sequence(oid("1.2.840.113549.1.7.2"), tlv(0xA0, data)))):
        with pytest.raises(ChipMalformed):
            read_sod(each)


def test_the_time_of_signing_decides_nothing() -> None:
    good = SIGNER.attributes(CONTENT, SECURITY_OBJECT, "sha256")
    for moment in (NOW + 90 * YEAR, NOW - 20 * YEAR):
        read = read_sod(SIGNER.sod(attributes=[*good[:2], attribute(SIGNING_TIME, time(moment))]))
        assert read.message.signature_holds
