import base64
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.document.chip import pki
from tests.document.chip.pki import (
    CONSTRAINTS,
    MASTER_LIST,
    NOW,
    PURPOSES,
    SIGNS_MASTER_LISTS,
    USAGE,
    YEAR,
    Authority,
    EcPair,
    How,
    RsaPair,
    Signer,
    integer,
    is_authority,
    oid,
    pair,
    purposes,
    sequence,
    set_of,
)
from tests.document.chip.writing import tlv
from visavis.document.chip import trust as trust_module
from visavis.document.chip.certificates import Certificate, read_certificate
from visavis.document.chip.trust import Revocation, Trust, key_name, read_trust_file
from visavis.errors import TrustInvalid

GERMANY, FRANCE = Authority.make("DE"), Authority.make("FR", pair("P-384", 1))
NEW_KEY = Authority.make("DE", pair("P-256", 11))
"""Of the same name as Germany's other one."""
SIGNER = read_certificate(GERMANY.signer().data)


def text(data: bytes, label: str = "CERTIFICATE") -> bytes:
    return f"-----BEGIN {label}-----\n{base64.encodebytes(data).decode()}-----END {label}-----\n".encode()


def ids(*data: bytes) -> set[str]:
    return {read_certificate(each).id for each in data}


def believed(trust: Trust) -> set[str]:
    return {each.id for each in trust.authorities}


def trust_in(*files: bytes) -> Trust:
    return Trust.of_files({str(number): data for number, data in enumerate(files)})


class TestFiles:
    def test_nobody(self) -> None:
        nobody = Trust.empty()
        assert (nobody.authorities, nobody.revocation_lists, nobody.unused) == ((), (), ())
        assert nobody.issuers(SIGNER) == ()
        assert nobody.revocation(SIGNER, now=NOW) is Revocation.UNKNOWN
        assert repr(nobody) == "<Trust in 0 certificates>"

    def test_certificates_lists_and_master_lists(self) -> None:
        lists = GERMANY.revocation_list(5)
        for certificate_, list_, master in (
            (GERMANY.data, lists, GERMANY.master_list(FRANCE.data)),
            (text(GERMANY.data), text(lists, "X509 CRL"), text(GERMANY.master_list(FRANCE.data), "CMS")),
            (
                b"Germany:\r\n" + text(GERMANY.data),
                text(lists, "X509 CRL"),
                text(GERMANY.master_list(FRANCE.data), "PKCS7"),
            ),
        ):
            assert [each.data for each in read_trust_file(certificate_).certificates] == [GERMANY.data]
            assert [each.serials for each in read_trust_file(list_).revocation_lists] == [{5}]
            assert {each.data for each in read_trust_file(master).master_lists[0].certificates} == {
                GERMANY.data,
                FRANCE.data,
            }

    def test_several_in_one(self) -> None:
        together = text(GERMANY.data) + text(FRANCE.data) + text(GERMANY.revocation_list(5), "X509 CRL")
        read = read_trust_file(together)
        assert (len(read.certificates), len(read.revocation_lists), read.master_lists) == (2, 1, ())
        assert believed(trust_in(together)) == ids(GERMANY.data, FRANCE.data)

    @pytest.mark.parametrize(
        "data",
        [
            b"", b"\0", b"no file", GERMANY.data[:-1], GERMANY.data + b"\0", GERMANY.data * 2, text(GERMANY.data)[:-20],
            text(GERMANY.data) + b"-----BEGIN CERTIFICATE-----\n", text(GERMANY.data, "PRIVATE KEY"), text(b""),
            text(GERMANY.data).replace(b"\nM", b"\n!"), text(GERMANY.data[:-1]),
            text(GERMANY.data)[:40] + b"=" + text(GERMANY.data)[40:],
            sequence(), sequence(integer(1)), sequence(sequence()), sequence(sequence(integer(1))), tlv(0x31), b"\x30\x80",
            GERMANY.signer().sod(), sequence(oid("1.2.840.113549.1.7.2"), tlv(0xA0, sequence())), sequence(oid("1.2.3")),
        ],
        ids=range(22),
    )  # fmt: skip
    def test_anything_else(self, data: bytes) -> None:
        with pytest.raises(TrustInvalid, match="it is no certificate, revocation list or master list"):
            read_trust_file(data)
        with pytest.raises(TrustInvalid, match=r"^strange cannot be used"):
            Trust.of_files({"good": GERMANY.data, "strange": data})

    def test_a_file_that_is_too_large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(trust_module, "FILE_BYTES_MAX", len(GERMANY.data))
        assert read_trust_file(GERMANY.data).certificates
        with pytest.raises(TrustInvalid, match="it has more than"):
            read_trust_file(text(GERMANY.data))

    def test_folders_and_files(self, tmp_path: Path) -> None:
        folder = tmp_path / "trust"
        (folder / "inside").mkdir(parents=True)
        (folder / "germany.cer").write_bytes(GERMANY.data)
        (folder / ".hidden").write_bytes(b"nothing")
        (folder / "inside" / "other").write_bytes(b"nothing")
        (tmp_path / "france.pem").write_bytes(text(FRANCE.data))
        assert believed(Trust.of(folder)) == ids(GERMANY.data)
        assert believed(Trust.of(folder, tmp_path / "france.pem")) == ids(GERMANY.data, FRANCE.data)
        assert believed(Trust.of()) == set()
        (folder / "list.crl").write_bytes(b"nothing")
        with pytest.raises(TrustInvalid, match=r"list\.crl cannot be used"):
            Trust.of(folder)
        with pytest.raises(TrustInvalid, match="missing cannot be read"):
            Trust.of(tmp_path / "missing")

    def test_too_many_files_or_certificates(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for number, authority in enumerate((GERMANY, FRANCE)):
            (tmp_path / f"{number}.cer").write_bytes(authority.data)
        monkeypatch.setattr(trust_module, "CERTIFICATES_MAX", 1)
        with pytest.raises(TrustInvalid, match="more than 1 certificates"):
            Trust.of(tmp_path)
        monkeypatch.setattr(trust_module, "FILES_MAX", 1)
        with pytest.raises(TrustInvalid, match="more than 1 files"):
            Trust.of(tmp_path)


class TestAuthorities:
    def test_a_certificate_of_something_else(self) -> None:
        with pytest.raises(TrustInvalid, match="1 holds a certificate of something else than an authority"):
            trust_in(GERMANY.data, GERMANY.signer().data)

    def test_one_that_is_not_signed_by_itself(self) -> None:
        forged = Authority.make("DE", common="Forged")
        damaged = forged.data[:-3] + bytes([forged.data[-3] ^ 1]) + forged.data[-2:]
        found = trust_in(GERMANY.data, damaged)
        assert believed(found) == ids(GERMANY.data)
        assert [(each.id, each.why) for each in found.unused] == [
            (read_certificate(damaged).id, "no trusted authority has signed it")
        ]

    @pytest.mark.parametrize(
        ("authority", "why"),
        [
            (lambda: Authority.make(changes={USAGE: None}), "extensions"),
            (lambda: Authority.make(changes={"1.2.3": (True, b"")}), "extensions"),
            (lambda: Authority.make(key=pair("RSA 2048", 1), how=How("pss", salt_bytes=0)), "not supported"),
            (lambda: Authority.make(info=pki.rsa_info(7, 3)), "not supported"),
        ],
    )
    def test_one_that_cannot_be_used(self, authority: Callable[[], Authority], why: str) -> None:
        found = trust_in(authority().data, FRANCE.data)
        assert believed(found) == ids(FRANCE.data)
        assert [why in each.why for each in found.unused] == [True]

    def test_one_that_is_there_twice(self) -> None:
        assert len(trust_in(GERMANY.data, text(GERMANY.data), GERMANY.master_list()).authorities) == 1

    def test_several_keys_under_one_name(self) -> None:
        found = trust_in(GERMANY.data, NEW_KEY.data, FRANCE.data)
        assert {each.id for each in found.issuers(SIGNER)} == ids(GERMANY.data, NEW_KEY.data)
        assert [each.data for each in found.issuers(SIGNER) if SIGNER.is_issued_by(each)] == [GERMANY.data]

    def test_links_between_keys(self) -> None:
        """The old key vouches for the new one, and that for the next, in whatever order they are read."""
        third = Authority.make("DE", pair("P-256", 12), common="Renamed")
        link, next_link = GERMANY.issue(NEW_KEY, serial=2), NEW_KEY.issue(third, serial=3)
        assert believed(trust_in(next_link, link, GERMANY.data)) == ids(next_link, link, GERMANY.data)
        alone = trust_in(next_link, link)
        assert believed(alone) == set()
        assert {each.why for each in alone.unused} == {"no trusted authority has signed it"}
        assert believed(trust_in(next_link, NEW_KEY.data)) == ids(next_link, NEW_KEY.data)

    def test_links_to_other_countries(self) -> None:
        assert believed(trust_in(GERMANY.data, GERMANY.issue(FRANCE))) == ids(GERMANY.data)

    def test_links_by_others(self) -> None:
        """In the name of one authority, with the key of another."""
        forged = Authority("DE", "Country Signing", FRANCE.key, FRANCE.how, b"", FRANCE.info).issue(NEW_KEY, serial=2)
        assert believed(trust_in(GERMANY.data, FRANCE.data, forged)) == ids(GERMANY.data, FRANCE.data)


class TestKeyNames:
    def name(self, info: bytes) -> str | None:
        return key_name(read_certificate(Authority.make(info=info).data))

    def test_the_same_however_a_key_is_written(self) -> None:
        ec, rsa = pair("P-256", 11), pair("RSA 2048", 1)
        assert isinstance(ec, EcPair)
        assert isinstance(rsa, RsaPair)
        names = [self.name(ec.info()), self.name(rsa.info()), self.name(pair("P-256", 12).info())]
        assert names[:2] == [self.name(ec.info(explicit=True, point="compressed")), self.name(rsa.info(How("pss")))]
        assert len({*names}) == 3

    def test_none_of_a_key_that_is_not_supported(self) -> None:
        assert self.name(pki.rsa_info(7, 3)) is None


class TestMasterLists:
    def test_what_is_in_it(self) -> None:
        link = GERMANY.issue(NEW_KEY)
        assert believed(trust_in(GERMANY.master_list(FRANCE.data, link))) == ids(GERMANY.data, FRANCE.data, link)
        assert (
            repr(read_trust_file(GERMANY.master_list(FRANCE.data)).master_lists[0]) == "<MasterList of 2 certificates>"
        )

    def test_its_authority_beside_it(self) -> None:
        signer = GERMANY.list_signer()
        listed = FRANCE.master_list(signer=signer)
        assert believed(trust_in(GERMANY.data, listed)) == ids(GERMANY.data, FRANCE.data)
        with pytest.raises(TrustInvalid, match="belongs to no authority in it or beside it"):
            trust_in(listed)

    def test_its_authority_in_the_message_alone(self) -> None:
        """What is beside the signer's certificate is not listed, and not believed."""
        listed = FRANCE.master_list(signer=GERMANY.list_signer(), inside=[GERMANY.data])
        with pytest.raises(TrustInvalid, match="belongs to no authority"):
            trust_in(listed)

    def test_indefinite_lengths(self) -> None:
        content = sequence(integer(0), set_of(GERMANY.data, FRANCE.data))
        signer = GERMANY.list_signer()
        message = signer.message(content, content_type=MASTER_LIST)
        whole = tlv(0xA0, tlv(0x04, content))
        pieces = b"\xa0\x80\x24\x80" + tlv(0x04, content[:100]) + tlv(0x04, content[100:]) + b"\0\0\0\0"
        version, end = message.index(integer(3)), message.index(whole) + len(whole)
        typed = message.index(oid(MASTER_LIST))
        before = message[version : typed - 4]  # up to the head of what is encapsulated
        loose = (
            *(b"\x30\x80", oid("1.2.840.113549.1.7.2"), b"\xa0\x80", b"\x30\x80", before),
            *(b"\x30\x80", oid(MASTER_LIST), pieces, b"\0\0", message[end:], b"\0\0" * 3),
        )
        assert message[typed - 4 : typed - 2] == b"\x30\x82"
        assert believed(trust_in(b"".join(loose))) == ids(GERMANY.data, FRANCE.data)

    def refused(self, signer: Signer, match: str, content: bytes | None = None, **changes: Any) -> None:
        content = content or sequence(integer(0), set_of(GERMANY.data))
        message = signer.message(content, content_type=MASTER_LIST, **changes)
        with pytest.raises(TrustInvalid, match=match):
            trust_in(message)

    def test_signers_who_may_not(self) -> None:
        may_not = "without the certificate of one who may sign it"
        self.refused(GERMANY.signer(), may_not)
        self.refused(GERMANY.list_signer(), may_not, certificates=[])
        self.refused(GERMANY.signer(changes={PURPOSES: (True, purposes("2.23.136.1.1.8"))}), may_not)
        authority = {PURPOSES: (True, purposes(SIGNS_MASTER_LISTS)), CONSTRAINTS: (True, is_authority())}
        self.refused(GERMANY.signer(changes=authority), may_not)
        self.refused(
            GERMANY.list_signer(), "belongs to no authority", content=sequence(integer(0), set_of(FRANCE.data))
        )

    def test_signatures_that_do_not_fit(self) -> None:
        signer = GERMANY.list_signer()
        other = GERMANY.list_signer(pair("P-256", 5))
        self.refused(other, "whose signature does not fit", certificates=[signer.data])
        content = sequence(integer(0), set_of(GERMANY.data))
        message = signer.message(content, content_type=MASTER_LIST)
        added = sequence(integer(0), set_of(GERMANY.data[:-1] + b"\0"))
        with pytest.raises(TrustInvalid, match=r"belongs to no authority|does not fit"):
            trust_in(message.replace(content, added))
        with pytest.raises(TrustInvalid, match="does not fit"):
            trust_in(GERMANY.data, message.replace(content, added))

    def test_contents_that_are_none(self) -> None:
        for content in (
            sequence(integer(1), set_of(GERMANY.data)), sequence(integer(0), set_of()), sequence(integer(0)), b"\0",
            sequence(integer(0), set_of(integer(7))), sequence(), sequence(integer(0), set_of(GERMANY.data)) + b"\0",
            b"\x30\x80" + integer(0) + set_of(GERMANY.data) + b"\0\0",
        ):  # fmt: skip
            self.refused(GERMANY.list_signer(), "master list", content=content)

    def test_certificates_that_cannot_be_read_are_passed_over(self) -> None:
        old = GERMANY.data.replace(tlv(0xA0, integer(2)), tlv(0xA0, integer(0)), 1)
        found = trust_in(GERMANY.master_list(old, FRANCE.data))
        assert believed(found) == ids(GERMANY.data, FRANCE.data)
        assert [each.why for each in found.unused] == ["no X.509 certificate in distinguished encoding"]


class TestRevocation:
    def state(self, *lists: bytes, of: Certificate = SIGNER) -> Revocation:
        return trust_in(GERMANY.data, FRANCE.data, NEW_KEY.data, *lists).revocation(of, now=NOW)

    def test_what_lists_say(self) -> None:
        assert self.state() is Revocation.UNKNOWN
        assert self.state(GERMANY.revocation_list(6, 8)) is Revocation.NOT_REVOKED
        assert self.state(GERMANY.revocation_list(6, 7)) is Revocation.REVOKED
        assert self.state(GERMANY.revocation_list()) is Revocation.NOT_REVOKED
        assert self.state(FRANCE.revocation_list(7)) is Revocation.UNKNOWN

    def test_the_new_key_speaks_for_the_old_one(self) -> None:
        """Doc 9303-12, 7.1.4: one list, by the newest key, of all that the authority has issued."""
        assert self.state(NEW_KEY.revocation_list(7)) is Revocation.REVOKED

    def test_lists_that_are_old(self) -> None:
        old: dict[str, Any] = {"issued": NOW - YEAR, "until": NOW - timedelta(days=1)}
        assert self.state(GERMANY.revocation_list(6, **old)) is Revocation.STALE
        assert self.state(GERMANY.revocation_list(7, **old)) is Revocation.REVOKED
        assert self.state(GERMANY.revocation_list(6, **old), GERMANY.revocation_list(8)) is Revocation.NOT_REVOKED
        assert self.state(GERMANY.revocation_list(7, **old), GERMANY.revocation_list(8)) is Revocation.REVOKED
        assert self.state(GERMANY.revocation_list(6, until=None)) is Revocation.STALE
        assert self.state(GERMANY.revocation_list(6, issued=NOW + timedelta(days=1))) is Revocation.STALE

    def test_lists_by_others_say_nothing(self) -> None:
        forged = GERMANY.revocation_list(7, by=FRANCE.key)
        found = trust_in(GERMANY.data, forged)
        assert found.revocation(SIGNER, now=NOW) is Revocation.UNKNOWN
        assert [each.why for each in found.unused] == ["a revocation list that no trusted authority has signed"]


SOURCES = [GERMANY.data, GERMANY.revocation_list(5, 6), GERMANY.master_list(FRANCE.data), text(GERMANY.data)]
LISTED = ids(GERMANY.data, FRANCE.data)


@given(data=st.data())
def test_damaged_files_are_trusted_as_they_were_or_refused(data: st.DataObject) -> None:
    damaged = bytearray(data.draw(st.sampled_from(SOURCES)))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        found = trust_in(bytes(damaged))
    except TrustInvalid:
        return
    signed = {read_certificate(each).signed for each in (GERMANY.data, FRANCE.data)}
    assert {each.signed for each in found.authorities} <= signed


@given(data=st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    for each in (data, sequence(data), b"\x30\x80" + data, b"-----BEGIN CERTIFICATE-----" + data, text(data)):
        with pytest.raises(TrustInvalid):
            read_trust_file(each)
