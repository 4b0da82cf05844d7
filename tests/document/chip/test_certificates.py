from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.document.chip import pki
from tests.document.chip.pki import (
    CONSTRAINTS,
    DOCUMENT_TYPES,
    NOW,
    PURPOSES,
    SIGNS_CERTIFICATES,
    SIGNS_MASTER_LISTS,
    USAGE,
    YEAR,
    Authority,
    How,
    bits,
    certificate,
    document_types,
    extension,
    integer,
    is_authority,
    name,
    octets,
    oid,
    pair,
    purposes,
    sequence,
    set_of,
    time,
)
from tests.document.chip.writing import tlv
from visavis.document.chip import der
from visavis.document.chip.algorithms import EcKey, RsaKey
from visavis.document.chip.certificates import BYTES_MAX, Certificate, read_certificate
from visavis.document.chip.der import DEPTH_MAX, Malformed
from visavis.document.chip.revocation import RevocationList, read_revocation_list

AUTHORITY = Authority.make()


def signer(changes: Mapping[str, tuple[bool, bytes] | None] = {}, **more: bytes) -> Certificate:
    return read_certificate(AUTHORITY.signer(changes=changes, more=list(more.values())).data)


class TestReading:
    def test_an_authority(self) -> None:
        read = read_certificate(AUTHORITY.data)
        assert (read.country, read.serial, read.issuer) == ("DE", 1, read.subject)
        assert (read.not_before, read.not_after) == (NOW - 2 * YEAR, NOW + 10 * YEAR)
        assert read.key_id == read.issuer_key_id == pki.key_id(AUTHORITY.info)
        assert read.usage == {"key_cert_sign", "crl_sign"}
        assert (read.authority, read.binding, read.purposes, read.document_types) == (True, False, frozenset(), None)
        assert read.signs_certificates
        assert not read.signs(None)
        assert read.is_issued_by(read)
        assert str(read.algorithm) == "ECDSA with SHA-256"
        assert isinstance(read.key, EcKey)
        assert repr(read) == f"<Certificate {read.id}>"
        assert len(read.id) == 16

    def test_a_signer(self) -> None:
        key = pair("RSA 2048", 2)
        read = read_certificate(AUTHORITY.signer(key, serial=2**150).data)
        assert isinstance(read.key, RsaKey)
        assert (read.serial, read.country) == (2**150, "DE")
        assert read.signs(None)
        assert not read.signs(SIGNS_MASTER_LISTS)
        assert not read.signs_certificates
        authority = read_certificate(AUTHORITY.data)
        assert read.is_issued_by(authority)
        assert not authority.is_issued_by(read)
        assert not read.is_issued_by(read)

    def test_what_is_signed_is_what_stands_there(self) -> None:
        read = read_certificate(AUTHORITY.data)
        assert read.signed in read.data
        assert read.signed[:1] == b"\x30"

    def test_names_are_compared_as_they_are_read(self) -> None:
        """The same name in another string, in other letters, with other spaces (RFC 5280, 7.1)."""
        authority = read_certificate(AUTHORITY.data)
        for same in (
            name("DE", "Country Signing", string_tag=0x13),
            name("de", "COUNTRY   signing "),
            name("DE", "Country Signing", string_tag=0x14),
        ):
            assert read_certificate(AUTHORITY.signer(issuer=same).data).is_issued_by(authority)
        parts = sequence(
            set_of(sequence(oid("2.5.4.6"), tlv(0x13, b"DE")), sequence(oid("2.5.4.3"), tlv(0x0C, b"Country Signing")))
        )
        for other in (
            name("FR", "Country Signing"),
            name("DE", "Country Signing 2"),
            name(None, "Country Signing"),
            parts,
        ):
            assert not read_certificate(AUTHORITY.signer(issuer=other).data).is_issued_by(authority)

    @pytest.mark.parametrize(
        ("written", "country"),
        [
            ("DE", "DE"),
            ("de", "DE"),
            (None, None),
            ("UTO", "UTO"),
            ("../D", None),
            ("D", None),
            ("", "DE"),
            ("D\0", None),
            ("ÄÖ", None),
        ],
    )
    def test_the_country(self, written: str | None, country: str | None) -> None:
        assert read_certificate(AUTHORITY.signer(country=written).data).country == country

    def test_two_countries_are_none(self) -> None:
        country = set_of(sequence(oid("2.5.4.6"), tlv(0x13, b"DE")))
        data = certificate(
            subject=sequence(country, country), issuer=AUTHORITY.name, info=AUTHORITY.info, by=AUTHORITY.key, how=AUTHORITY.how,
            extensions={},
        )  # fmt: skip
        assert read_certificate(data).country is None

    def test_keys_and_signatures_that_are_not_supported(self) -> None:
        other = read_certificate(AUTHORITY.signer(info=pki.rsa_info(7, 3)).data)
        assert other.key is None
        assert other.is_issued_by(read_certificate(AUTHORITY.data))
        rsa = Authority.make(key=pair("RSA 2048", 1), how=How("pss", salt_bytes=0))
        read = read_certificate(rsa.data)
        assert read.algorithm is None
        assert not read.is_issued_by(read)

    def test_times_of_both_kinds(self) -> None:
        far = datetime(2051, 1, 2, 3, 4, 5, tzinfo=UTC)
        read = read_certificate(AUTHORITY.signer(valid=(NOW, far)).data)
        assert (read.not_before, read.not_after) == (NOW, far)


class TestWhatIsRefused:
    def refused(self, data: bytes) -> None:
        with pytest.raises(Malformed, match=r"^no X\.509 certificate in distinguished encoding$"):
            read_certificate(data)

    def test_other_versions(self) -> None:
        for version in (0, 1, 3):
            self.refused(
                certificate(
                    subject=AUTHORITY.name, issuer=AUTHORITY.name, info=AUTHORITY.info, by=AUTHORITY.key, how=AUTHORITY.how,
                    extensions={}, version=version,
                )
            )  # fmt: skip

    def test_another_algorithm_outside_than_inside(self) -> None:
        self.refused(AUTHORITY.signer(outer=How(hash="sha384")).data)

    def test_an_extension_twice(self) -> None:
        self.refused(AUTHORITY.signer(more=[extension(USAGE, True, SIGNS_CERTIFICATES)]).data)
        self.refused(AUTHORITY.signer(more=[extension("1.2.3", False, b"")] * 2).data)

    def test_too_many_of_something(self) -> None:
        self.refused(AUTHORITY.signer(more=[extension(f"1.2.{number}", False, b"") for number in range(40)]).data)
        parts = [set_of(sequence(oid("2.5.4.3"), tlv(0x0C, b"a"))) for _ in range(40)]
        self.refused(AUTHORITY.signer(issuer=sequence(*parts)).data)
        wide = set_of(*(sequence(oid("2.5.4.3"), tlv(0x0C, b"%d" % number)) for number in range(40)))
        self.refused(AUTHORITY.signer(issuer=sequence(wide)).data)
        many = document_types(*(f"{number:02}" for number in range(40)))
        self.refused(AUTHORITY.signer(changes={DOCUMENT_TYPES: (False, many)}).data)
        self.refused(AUTHORITY.signer(more=[extension("1.2.3", False, bytes(BYTES_MAX))]).data)

    def test_times_that_there_are_not(self) -> None:
        good = AUTHORITY.signer().data
        at = good.index(time(NOW - 2 * YEAR)) + 2
        for wrong in (b"261322120000Z", b"261122120000+", b"2611221200000", b"261122246000Z"):
            self.refused(good[:at] + wrong + good[at + 13 :])

    def test_broken_extensions(self) -> None:
        for identifier, value in (
            (USAGE, b""), (USAGE, octets(b"\x80")), (CONSTRAINTS, integer(1)), (PURPOSES, sequence(integer(1))),
            (DOCUMENT_TYPES, sequence(integer(0))), (DOCUMENT_TYPES, tlv(0x31)), (CONSTRAINTS, sequence() + b"\0"),
            (CONSTRAINTS, b"\x30\x80\0\0"), (CONSTRAINTS, b"\x30\x81\x03\x01\x01\xff"),
        ):  # fmt: skip
            self.refused(AUTHORITY.signer(changes={identifier: (True, value)}).data)

    def test_something_else(self) -> None:
        good = AUTHORITY.data
        for data in (
            b"",
            good[:-1],
            good + b"\0",
            good[1:],
            sequence(),
            b"\x30\x80" + good[4:] + b"\0\0",
            bytes(100),
            AUTHORITY.revocation_list(),
        ):
            self.refused(data)


class TestFitness:
    """Doc 9303-12, table 6."""

    @pytest.mark.parametrize(
        "changes",
        [
            {USAGE: None},
            {USAGE: (True, SIGNS_CERTIFICATES)},
            {USAGE: (True, bits(b"\x84", 2))},  # signs documents and certificates
            {USAGE: (True, bits(b"\x40", 6))},  # non-repudiation
            {CONSTRAINTS: (True, is_authority())},
            {PURPOSES: (True, purposes(SIGNS_MASTER_LISTS))},
            {PURPOSES: (False, purposes("1.3.6.1.5.5.7.3.1"))},
            {"1.2.3.4": (True, b"")},
            {"2.5.29.30": (True, sequence())},  # constraints of names
        ],
        ids=str,
    )
    def test_what_makes_a_signer_unfit(self, changes: dict[str, tuple[bool, bytes] | None]) -> None:
        assert not signer(changes).signs(None)

    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {USAGE: (False, pki.SIGNS_DOCUMENTS)},
            {USAGE: (True, bits(b"\xc0", 6))},
            {CONSTRAINTS: (True, is_authority(False))},
            {DOCUMENT_TYPES: (True, document_types("P"))},
            {"1.2.3.4": (False, b"whatever")},
            {"2.5.29.16": (True, sequence())},
            {"2.5.29.32": (True, sequence())},
        ],
        ids=str,
    )
    def test_what_does_not(self, changes: dict[str, tuple[bool, bytes] | None]) -> None:
        assert signer(changes).signs(None)

    @pytest.mark.parametrize(
        "changes",
        [
            {CONSTRAINTS: None},
            {CONSTRAINTS: (True, is_authority(False))},
            {USAGE: None},
            {USAGE: (True, bits(b"\x02", 1))},  # revocation lists alone
            {USAGE: (True, pki.SIGNS_DOCUMENTS)},
            {"1.2.3.4": (True, b"")},
        ],
        ids=str,
    )
    def test_what_makes_an_authority_unfit(self, changes: dict[str, tuple[bool, bytes] | None]) -> None:
        assert not read_certificate(Authority.make(changes=changes).data).signs_certificates

    def test_signers_of_lists_are_no_signers_of_documents(self) -> None:
        read = read_certificate(AUTHORITY.list_signer().data)
        assert read.signs(SIGNS_MASTER_LISTS)
        assert not read.signs(None)

    def test_document_types(self) -> None:
        assert signer({DOCUMENT_TYPES: (False, document_types("P", "ID"))}).document_types == frozenset({"P", "ID"})
        assert signer({DOCUMENT_TYPES: (False, document_types())}).document_types == frozenset()
        assert signer().document_types is None


class TestRevocationLists:
    def test_one(self) -> None:
        data = AUTHORITY.revocation_list(5, 2**140)
        read = read_revocation_list(data)
        assert read.serials == {5, 2**140}
        assert (read.this_update, read.next_update) == (NOW - timedelta(days=10), NOW + timedelta(days=80))
        assert read.is_current(NOW)
        assert not read.is_current(NOW + YEAR)
        assert not read.is_current(NOW - YEAR)
        assert read.is_issued_by(read_certificate(AUTHORITY.data))
        assert repr(read) == f"<RevocationList {read.id}>"

    def test_an_empty_one_and_one_without_an_end(self) -> None:
        assert read_revocation_list(AUTHORITY.revocation_list()).serials == frozenset()
        assert not read_revocation_list(AUTHORITY.revocation_list(until=None)).is_current(NOW)

    def test_who_may_issue_it(self) -> None:
        read = read_revocation_list(AUTHORITY.revocation_list(5))
        for other in (
            Authority.make(changes={USAGE: (True, bits(b"\x04", 2))}),  # signs certificates alone
            Authority.make(key=pair("P-256", 9)),
            Authority.make("FR"),
        ):
            assert not read.is_issued_by(read_certificate(other.data))

    def test_parts_of_lists_and_those_of_others_are_refused(self) -> None:
        for data in (
            AUTHORITY.revocation_list(5, more=[extension("2.5.29.28", True, sequence())]),
            AUTHORITY.revocation_list(5, more=[extension("2.5.29.27", True, integer(1))]),
            AUTHORITY.revocation_list(5, more=[extension("2.5.29.20", False, integer(1))]),  # its number twice
            AUTHORITY.revocation_list(5, entry=sequence(extension("2.5.29.29", True, sequence()))),
            AUTHORITY.revocation_list(5, outer=How(hash="sha512")),
            AUTHORITY.data,
            b"",
        ):
            with pytest.raises(Malformed, match="no revocation list in distinguished encoding"):
                read_revocation_list(data)
        assert read_revocation_list(
            AUTHORITY.revocation_list(5, entry=sequence(extension("2.5.29.21", False, tlv(0x0A, b"\1"))))
        ).serials == {5}


class TestEncoding:
    GOOD = sequence(integer(5), sequence(octets(b"abc"), tlv(0xA0, octets(bytes(200)))), tlv(0x5F2E, b"x"))

    def test_what_is_in_it(self) -> None:
        der.check(self.GOOD, bytes_max=len(self.GOOD))
        with pytest.raises(Malformed, match="expected 1 to"):
            der.check(self.GOOD, bytes_max=len(self.GOOD) - 1)

    @pytest.mark.parametrize(
        "data",
        [
            b"", b"\x30", b"\x30\x81\x01\0", b"\x30\x03\x02\x01", b"\x30\x02\x02\x01", b"\x30\x82\0\x80" + bytes(128),
            b"\x30\x81\x7f" + bytes(127), b"\x30\x80\x02\x01\x05\0\0", b"\x24\x03\x04\x01\x61", b"\x23\x04\x03\x02\0\x61",
            b"\x04\x80\0\0", b"\x04\x85\0\0\0\0\1a", b"\x04\xff", b"\x05\0\0", b"\x30\0\x30\0", b"\x10\0", b"\x11\0",
            b"\x30\x02\0\0", b"\0\0", b"\x1f\xff\xff\xff\x01\0", b"\x3f", b"\x1f\x81", b"\x06\x41" + bytes(65),
            b"\x02\x82\x08\x02" + bytes(2050), b"\x04\x84\xff\xff\xff\xff",
        ],
        ids=lambda data: data[:8].hex(),
    )  # fmt: skip
    def test_what_is_not(self, data: bytes) -> None:
        with pytest.raises(Malformed):
            der.check(data, bytes_max=10_000)

    def test_what_is_deep(self) -> None:
        nested = b"\x04\0"
        for _ in range(DEPTH_MAX):
            nested = sequence(nested)
        der.check(nested, bytes_max=10_000)
        with pytest.raises(Malformed, match="deep"):
            der.check(sequence(nested), bytes_max=10_000)
        for bomb in (b"\x30\x80" * 5000, b"\xa0\x80" * 30000 + b"\0\0" * 30000):
            with pytest.raises(Malformed):
                der.definite(bomb)

    def test_indefinite_lengths_are_made_definite(self) -> None:
        inner = sequence(integer(7))
        whole = (
            b"\x30\x80"
            + oid("1.2.3")
            + b"\xa0\x80"
            + b"\x24\x80"
            + octets(b"ab")
            + octets(b"c")
            + b"\0\0"
            + inner
            + b"\0\0" * 2
        )
        assert der.definite(whole) == sequence(oid("1.2.3"), tlv(0xA0, octets(b"abc"), inner))
        assert der.definite(inner) == inner
        for wrong in (
            whole[:-1],
            b"\x30\x80",
            b"\x24\x80" + integer(1) + b"\0\0",
            b"\x04\x80\0\0",
            b"\x30\x80\x3f\x20\x80\0\0\0\0",
        ):
            with pytest.raises(Malformed):
                der.check(der.definite(wrong), bytes_max=1000)

    @given(data=st.binary(max_size=60))
    def test_bytes_are_checked_or_refused(self, data: bytes) -> None:
        for each in (data, b"\x30" + bytes([len(data)]) + data, b"\x30\x80" + data + b"\0\0"):
            try:
                der.check(der.definite(each), bytes_max=1000)
            except Malformed:
                continue


CERTIFICATES = [AUTHORITY.data, AUTHORITY.signer(changes={DOCUMENT_TYPES: (False, document_types("P"))}).data]
LISTS = [AUTHORITY.revocation_list(5, 6, 7)]


READERS: list[tuple[Callable[[bytes], Certificate | RevocationList], list[bytes]]] = [
    (read_certificate, CERTIFICATES),
    (read_revocation_list, LISTS),
]


@given(data=st.data())
def test_damaged_ones_are_read_or_refused(data: st.DataObject) -> None:
    read, sources = data.draw(st.sampled_from(READERS))
    damaged = bytearray(data.draw(st.sampled_from(sources)))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    try:
        found = read(bytes(damaged))
    except Malformed:
        return
    authority = read_certificate(AUTHORITY.data)
    assert not found.is_issued_by(authority) or found.signed in b"".join(sources)
