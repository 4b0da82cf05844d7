import hashlib
import random
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import LONG
from tests.document.chip.pki import (
    CONSTRAINTS,
    DOCUMENT_TYPES,
    GROUPS,
    MASTER_LIST,
    NOW,
    PURPOSES,
    SECURITY_OBJECT,
    SIGNS_MASTER_LISTS,
    USAGE,
    YEAR,
    ZONE,
    Authority,
    EcPair,
    How,
    Signer,
    document_types,
    integer,
    is_authority,
    key_id,
    octets,
    oid,
    pair,
    purposes,
    security_object,
    sequence,
    sod,
)
from tests.document.chip.writing import dg1, tlv
from visavis.document.chip.certificates import read_certificate
from visavis.document.chip.countries import signs_for
from visavis.document.chip.curves import CURVES
from visavis.document.chip.passive import (
    ChipNote,
    ChipReason,
    PassiveAuthentication,
    authenticate,
)
from visavis.document.chip.sod import read_sod
from visavis.document.chip.trust import Trust
from visavis.errors import ChipMalformed

COUNT = 100_000 if LONG else 1_500
SEED = 20261122
GERMANY, FRANCE = Authority.make("DE"), Authority.make("FR")
SIGNER = GERMANY.signer()
TRUST = GERMANY.trust(GERMANY.revocation_list(99), FRANCE.data)
CLOCK_NOTES = {ChipNote.REVOCATION_NOT_CHECKED}


def check(
    data: bytes, groups: Mapping[int, bytes] = GROUPS, *, trust: Trust = TRUST, **more: Any
) -> PassiveAuthentication:
    return authenticate(data, groups, trust=trust, **{"now": NOW, **more})


def reasons(data: bytes, groups: Mapping[int, bytes] = GROUPS, *, trust: Trust = TRUST, **more: Any) -> set[ChipReason]:
    return set(check(data, groups, trust=trust, **more).reasons)


class TestOneThatPasses:
    def test_what_is_said(self) -> None:
        found = check(SIGNER.sod())
        assert (found.reasons, found.notes) == ((), ())
        assert (found.country, found.hash) == ("DE", "sha256")
        assert found.algorithms == ("ECDSA with SHA-256, P-256",) * 2
        assert (found.groups_checked, found.groups_not_read) == ((1, 2, 14, 15), ())
        assert found.signer == read_certificate(SIGNER.data).id
        assert found.authority == read_certificate(GERMANY.data).id
        assert repr(found) == "<PassiveAuthentication passed>"

    def test_groups_that_were_not_read(self) -> None:
        found = check(SIGNER.sod(), {1: GROUPS[1], 14: GROUPS[14]})
        assert not found.reasons
        assert (found.groups_checked, found.groups_not_read) == ((1, 14), (2, 15))

    def test_it_has_no_truth_value(self) -> None:
        with pytest.raises(TypeError, match="it passed where it has no reasons"):
            bool(check(SIGNER.sod()))

    @pytest.mark.parametrize("name_", [each.name for each in CURVES])
    @pytest.mark.parametrize("explicit", [False, True], ids=["named", "written out"])
    def test_each_curve(self, name_: str, explicit: bool) -> None:
        keys = [pair(name_, number) for number in (1, 2)]
        infos = [each.info(explicit=explicit) for each in keys if isinstance(each, EcPair)]
        authority = Authority.make(key=keys[0], info=infos[0])
        signer = authority.signer(keys[1], info=infos[1])
        found = check(signer.sod(), trust=authority.trust())
        assert found.reasons == ()
        assert found.algorithms == (f"ECDSA with SHA-256, {name_}",) * 2
        short = name_.endswith(("192", "160r1", "160t1", "192r1", "192t1"))
        assert set(found.notes) == CLOCK_NOTES | ({ChipNote.SHORT_KEY} if short else set())

    @pytest.mark.parametrize(
        "how",
        [
            *(
                How(scheme, hash_)
                for scheme in ("pkcs1", "pss")
                for hash_ in ("sha1", "sha224", "sha256", "sha384", "sha512")
            ),
            How("pss", salt_bytes=20),
        ],
        ids=lambda how: f"{how.scheme} {how.hash}",
    )
    @pytest.mark.parametrize("size", [2048, 3072])
    def test_each_padding(self, how: How, size: int) -> None:
        authority = Authority.make(key=pair(f"RSA {size}", 1), how=how)
        signer = authority.signer(pair("RSA 2048", 2), how=how)
        found = check(signer.sod(GROUPS, how.hash, version=1), trust=authority.trust())
        assert found.reasons == ()
        assert set(found.notes) == CLOCK_NOTES | ({ChipNote.LEGACY_HASH} if how.hash == "sha1" else set())
        assert [each.rsplit(" ", 1)[1] for each in found.algorithms] == ["2048", str(size)]

    @pytest.mark.parametrize("hash_", ["sha1", "sha224", "sha256", "sha384", "sha512"])
    def test_hashes_of_groups_and_of_signatures_need_not_be_the_same(self, hash_: str) -> None:
        for how in (How(hash="sha256"), How(hash="sha512"), How(hash="sha1")):
            found = check(SIGNER.sod(GROUPS, hash_, how=how))
            assert (found.reasons, found.hash) == ((), hash_)
            assert (ChipNote.LEGACY_HASH in found.notes) == ("sha1" in (hash_, how.hash))

    def test_short_keys_are_said(self) -> None:
        authority = Authority.make(key=pair("RSA 2048", 1))
        found = check(authority.signer(pair("RSA 1024")).sod(), trust=authority.trust())
        assert (found.reasons, set(found.notes)) == ((), CLOCK_NOTES | {ChipNote.SHORT_KEY})
        legacy = Authority.make(key=pair("RSA 2048", 1), how=How("pkcs1", "sha1"))
        assert ChipNote.LEGACY_HASH in check(legacy.signer().sod(), trust=legacy.trust()).notes

    def test_through_a_master_list(self) -> None:
        listed = FRANCE.master_list(GERMANY.data)
        assert reasons(SIGNER.sod(), trust=Trust.of_files({"list": listed})) == set()

    def test_through_a_link(self) -> None:
        new = Authority.make("DE", pair("P-256", 11))
        trust = GERMANY.trust(GERMANY.issue(new, serial=2))
        assert reasons(new.signer().sod(), trust=trust) == set()
        assert reasons(SIGNER.sod(), trust=trust) == set()

    def test_one_of_several_keys(self) -> None:
        old = Authority.make(
            "DE", valid=(NOW - 20 * YEAR, NOW - YEAR)
        )  # the same key, in a certificate that has expired
        new = Authority.make("DE", pair("P-256", 11))
        for trust in (old.trust(GERMANY.data, new.data), new.trust(GERMANY.data, old.data)):
            assert reasons(SIGNER.sod(), trust=trust) == set()

    def test_without_identifiers_of_keys(self) -> None:
        authority = Authority.make(identified=False)
        assert reasons(authority.signer(identified=False).sod(), trust=authority.trust()) == set()
        assert reasons(GERMANY.signer(changes={"2.5.29.35": (False, sequence(tlv(0x80, b"another")))}).sod()) == set()


class TestGroups:
    def test_altered(self) -> None:
        for number in GROUPS:
            found = check(SIGNER.sod(), {**GROUPS, number: GROUPS[number] + b"\0"})
            assert found.reasons == (ChipReason.GROUP_ALTERED,)
            assert number not in found.groups_checked

    def test_exchanged(self) -> None:
        assert reasons(SIGNER.sod(), {**GROUPS, 14: GROUPS[15], 15: GROUPS[14]}) == {ChipReason.GROUP_ALTERED}

    @pytest.mark.parametrize("number", [3, 16, 0, 17, -1, 10**30])
    def test_unlisted(self, number: int) -> None:
        found = check(SIGNER.sod(), {**GROUPS, number: b"more"})
        assert found.reasons == (ChipReason.GROUP_UNLISTED,)
        assert found.groups_checked == (1, 2, 14, 15)

    def test_of_another_document(self) -> None:
        other = {**GROUPS, 1: dg1(ZONE.replace("ERIKA", "ERICH")), 2: tlv(0x75, b"another portrait")}
        assert reasons(SIGNER.sod(other)) == {ChipReason.GROUP_ALTERED}
        assert reasons(SIGNER.sod(other), other) == set()

    def test_hashes_that_are_not_supported(self) -> None:
        content = security_object([(1, bytes(16))], "md5")
        found = check(sod(SIGNER.message(content)))
        assert (found.reasons, found.hash, found.groups_checked) == ((ChipReason.ALGORITHM_UNSUPPORTED,), None, ())

    def test_a_hash_of_another_function(self) -> None:
        """What is cut off from SHA-256 to the length of SHA-1 is not SHA-1."""
        cut = [(number, hashlib.sha256(data).digest()[:20]) for number, data in GROUPS.items()]
        assert reasons(sod(SIGNER.message(security_object(cut, "sha1")))) == {ChipReason.GROUP_ALTERED}

    def test_group_1_that_is_none(self) -> None:
        groups = {**GROUPS, 1: tlv(0x61, tlv(0x5F1F, b"P<D"))}
        with pytest.raises(ChipMalformed, match="DG1"):
            check(SIGNER.sod(groups), groups)
        assert reasons(SIGNER.sod(), groups) == {ChipReason.GROUP_ALTERED}


class TestForgeries:
    """What somebody makes who has no key of a country."""

    def test_an_own_authority_inside(self) -> None:
        own = Authority.make("DE", pair("P-256", 21))
        for certificates in ([own.signer().data, own.data], [own.signer().data, GERMANY.data]):
            found = check(own.signer().sod(certificates=certificates))
            assert found.reasons == (ChipReason.SIGNER_UNKNOWN,)
            assert found.authority is None

    def test_an_own_authority_of_the_same_identifier(self) -> None:
        own = Authority.make("DE", pair("P-256", 21), changes={"2.5.29.14": (False, octets(key_id(GERMANY.info)))})
        signer = own.signer(changes={"2.5.29.35": (False, sequence(tlv(0x80, key_id(GERMANY.info))))})
        assert reasons(signer.sod(certificates=[signer.data, own.data])) == {ChipReason.SIGNER_FORGED}

    def test_nobody_is_trusted(self) -> None:
        assert reasons(SIGNER.sod(), trust=Trust.empty()) == {ChipReason.SIGNER_UNKNOWN}

    def test_a_certificate_that_signs_itself(self) -> None:
        key = pair("P-256", 2)
        own = GERMANY.signer(key, by=key)
        assert reasons(own.sod()) == {ChipReason.SIGNER_FORGED}
        named = Authority.make("DE", key, common="Document Signer")
        assert reasons(named.signer(key, issuer=named.name).sod()) == {ChipReason.SIGNER_UNKNOWN}

    def test_a_signer_as_authority(self) -> None:
        """A chain through somebody whom the authority let sign documents, not certificates."""
        between = Authority("DE", "Document Signer", SIGNER.key, SIGNER.how, SIGNER.data, SIGNER.info)
        below = between.signer(pair("P-256", 22), common="Below")
        found = reasons(below.sod(certificates=[below.data, SIGNER.data, GERMANY.data]))
        assert found == {ChipReason.SIGNER_UNKNOWN}

    def test_an_unknown_authority_between(self) -> None:
        between = Authority("DE", "Between", pair("P-256", 23), How(), b"", pair("P-256", 23).info())
        issued = GERMANY.issue(between, serial=3)
        below = between.signer(pair("P-256", 22))
        found = reasons(below.sod(certificates=[below.data, issued, GERMANY.data]))
        assert found == {ChipReason.SIGNER_UNKNOWN}

    def test_an_authority_that_signs_itself(self) -> None:
        """A certificate of an authority signs no documents, even where its key is right."""
        own = Signer(GERMANY.key, GERMANY.how, GERMANY.data, GERMANY.name, 1, GERMANY.info)
        assert reasons(own.sod()) == {ChipReason.SIGNER_UNFIT}
        both = GERMANY.signer(changes={CONSTRAINTS: (True, is_authority())})
        assert reasons(both.sod()) == {ChipReason.SIGNER_UNFIT}

    def test_a_certificate_of_another_signer(self) -> None:
        stranger = GERMANY.signer(pair("P-256", 24))
        assert reasons(stranger.sod(certificates=[SIGNER.data])) == {ChipReason.SIGNATURE_WRONG}

    def test_a_generator_of_ones_own(self) -> None:
        """CVE-2020-0601: the authority's public key, on a curve on which everybody knows its private key."""
        target = pair("P-256", 1)
        assert isinstance(target, EcPair)
        slow = CURVES[2].slow
        prime = slow.curve.p()
        own = sequence(
            integer(1),
            sequence(oid("1.2.840.10045.1.1"), integer(prime)),
            sequence(octets((slow.curve.a() % prime).to_bytes(32, "big")), octets(slow.curve.b().to_bytes(32, "big"))),
            octets(target.private.verifying_key.to_string("uncompressed")),
            integer(slow.order),
        )
        info = target.info(parameters=own)
        forged = Authority.make(info=info)
        assert Trust.of_files({"a": forged.data}).authorities == ()
        assert reasons(GERMANY.signer(target, info=info).sod()) == {ChipReason.ALGORITHM_UNSUPPORTED}

    def test_a_content_that_was_not_signed(self) -> None:
        other = {number: data + b"!" for number, data in GROUPS.items()}
        exchanged = SIGNER.sod(other).replace(security_object(other), security_object(GROUPS))
        assert reasons(exchanged) == {ChipReason.CONTENT_ALTERED}
        assert reasons(exchanged, other) == {ChipReason.CONTENT_ALTERED, ChipReason.GROUP_ALTERED}

    def test_attributes_that_were_not_signed(self) -> None:
        content = security_object(GROUPS)
        attributes = SIGNER.attributes(content, SECURITY_OBJECT, "sha256")
        signed = SIGNER.attributes(b"another", SECURITY_OBJECT, "sha256")
        assert reasons(SIGNER.sod(attributes=signed, given=attributes)) == {ChipReason.SIGNATURE_WRONG}
        assert reasons(SIGNER.sod(attributes=[], given=attributes)) == {ChipReason.SIGNATURE_WRONG}

    def test_another_kind_of_content(self) -> None:
        message = SIGNER.message(security_object(GROUPS), content_type=MASTER_LIST, said=SECURITY_OBJECT)
        assert reasons(sod(message)) == {ChipReason.CONTENT_ALTERED}

    def test_two_hashes(self) -> None:
        """The digest of one function, the signature of another."""
        assert reasons(SIGNER.sod(digest="sha1")) == {ChipReason.ALGORITHM_UNSUPPORTED}
        assert reasons(SIGNER.sod(digest="sha512")) == {ChipReason.ALGORITHM_UNSUPPORTED}

    def test_no_certificate_of_the_signer(self) -> None:
        found = check(SIGNER.sod(certificates=[]))
        assert (found.reasons, found.signer, found.country) == ((ChipReason.SIGNER_MISSING,), None, None)
        assert reasons(SIGNER.sod(identifier=sequence(SIGNER.issuer, integer(8)))) == {ChipReason.SIGNER_MISSING}

    def test_parameters_of_pss(self) -> None:
        authority = Authority.make(key=pair("RSA 2048", 1))
        signer = authority.signer(pair("RSA 2048", 2))
        for how in (
            How("pss", salt_bytes=0),
            How("pss", mask="sha1"),
            How("pss", trailer=2),
            How("pss", salt_bytes=100),
        ):
            assert reasons(signer.sod(how=how), trust=authority.trust()) == {ChipReason.ALGORITHM_UNSUPPORTED}

    def test_signatures_of_certificates_that_are_not_supported(self) -> None:
        rsa = Authority.make(key=pair("RSA 2048", 1))
        signer = rsa.signer(inner=How("pss", salt_bytes=0))
        assert reasons(signer.sod(), trust=rsa.trust()) == {ChipReason.ALGORITHM_UNSUPPORTED}
        assert reasons(signer.sod(), trust=FRANCE.trust()) == {ChipReason.SIGNER_UNKNOWN}


class TestTimes:
    def test_of_the_signer(self) -> None:
        signer = GERMANY.signer(valid=(NOW, NOW + YEAR))
        second = timedelta(seconds=1)
        assert reasons(signer.sod(), now=NOW) == reasons(signer.sod(), now=NOW + YEAR) == set()
        assert reasons(signer.sod(), now=NOW - second) == {ChipReason.SIGNER_NOT_YET_VALID}
        assert reasons(signer.sod(), now=NOW + YEAR + second) == {ChipReason.SIGNER_EXPIRED}

    def test_of_the_authority(self) -> None:
        authority = Authority.make(valid=(NOW, NOW + YEAR))
        data, trust = authority.signer().sod(), authority.trust()
        assert reasons(data, trust=trust) == set()
        assert reasons(data, trust=trust, now=NOW - YEAR) == {ChipReason.CSCA_NOT_YET_VALID}
        assert reasons(data, trust=trust, now=NOW + 2 * YEAR) == {ChipReason.CSCA_EXPIRED}
        assert check(data, trust=trust, now=NOW + 2 * YEAR).authority is not None

    def test_both(self) -> None:
        expected = {ChipReason.SIGNER_EXPIRED, ChipReason.CSCA_EXPIRED}
        assert reasons(SIGNER.sod(), now=NOW + 20 * YEAR) == expected


class TestRevocation:
    def found(self, *lists: bytes) -> PassiveAuthentication:
        return check(SIGNER.sod(), trust=GERMANY.trust(*lists))

    def test_of_the_signer(self) -> None:
        assert self.found(GERMANY.revocation_list(7)).reasons == (ChipReason.SIGNER_REVOKED,)
        assert self.found(GERMANY.revocation_list(8)).notes == ()

    def test_of_the_authority(self) -> None:
        assert self.found(GERMANY.revocation_list(1)).reasons == (ChipReason.CSCA_REVOKED,)

    def test_lists_that_are_missing_or_old(self) -> None:
        old: dict[str, Any] = {"issued": NOW - YEAR, "until": NOW - timedelta(days=1)}
        assert self.found().notes == (ChipNote.REVOCATION_NOT_CHECKED,)
        assert self.found(GERMANY.revocation_list(8, **old)).notes == (ChipNote.REVOCATION_STALE,)
        assert self.found(GERMANY.revocation_list(7, **old)).reasons == (ChipReason.SIGNER_REVOKED,)

    def test_lists_by_others(self) -> None:
        forged = GERMANY.revocation_list(7, by=FRANCE.signer().key)
        assert self.found(forged).notes == (ChipNote.REVOCATION_NOT_CHECKED,)
        inside = check(SIGNER.sod(lists=[GERMANY.revocation_list()]), trust=GERMANY.trust())
        assert inside.notes == (ChipNote.REVOCATION_NOT_CHECKED,)


class TestFitness:
    @pytest.mark.parametrize(
        "changes",
        [
            {USAGE: None},
            {USAGE: (True, b"\x03\x02\x01\x06")},
            {PURPOSES: (True, purposes(SIGNS_MASTER_LISTS))},
            {"1.2.3.4": (True, b"")},
        ],
        ids=str,
    )
    def test_of_the_signer(self, changes: dict[str, tuple[bool, bytes] | None]) -> None:
        assert reasons(GERMANY.signer(changes=changes).sod()) == {ChipReason.SIGNER_UNFIT}

    def test_a_signer_of_master_lists(self) -> None:
        assert reasons(GERMANY.list_signer().sod()) == {ChipReason.SIGNER_UNFIT}

    @pytest.mark.parametrize(
        ("types", "code", "passes"),
        [
            (["P"], "P<", True), (["P"], "PM", True), (["PM"], "PM", True), (["PM"], "P<", False), (["PM"], "PD", False),
            (["ID", "P"], "P<", True), (["ID"], "P<", False), (["ID"], "ID", True), (["I"], "ID", True), ([], "P<", False),
        ],
    )  # fmt: skip
    def test_document_types(self, types: list[str], code: str, passes: bool) -> None:
        groups = {**GROUPS, 1: dg1(code + ZONE[2:])}
        signer = GERMANY.signer(changes={DOCUMENT_TYPES: (False, document_types(*types))})
        expected = set() if passes else {ChipReason.DOCUMENT_TYPE_UNLISTED}
        assert reasons(signer.sod(groups), groups) == expected
        assert reasons(signer.sod(groups), {2: GROUPS[2]}) == set()


class TestCountries:
    def test_a_document_of_another_country(self) -> None:
        """France's signer is as good as any, and signs no German documents."""
        assert reasons(FRANCE.signer().sod()) == {ChipReason.COUNTRY_DIFFERS}
        french = {**GROUPS, 1: dg1(ZONE.replace("P<D<<", "P<FRA"))}
        assert reasons(FRANCE.signer().sod(french), french) == set()

    @pytest.mark.parametrize("country", ["FR", None, "D", "DEU", "XX"])
    def test_a_signer_of_another_country_than_his_authority(self, country: str | None) -> None:
        assert ChipReason.COUNTRY_DIFFERS in reasons(GERMANY.signer(country=country).sod())
        assert ChipReason.COUNTRY_DIFFERS in reasons(GERMANY.signer(country=country).sod(), {2: GROUPS[2]})

    def test_letters_in_either_case(self) -> None:
        small = Authority.make("de")
        assert reasons(small.signer(country="De").sod(), trust=small.trust()) == set()

    @pytest.mark.parametrize(
        ("country", "state"),
        [
            ("DE", "D<<"), ("DE", "D"), ("DE", "DEU"), ("FR", "FRA"), ("CH", "CHE"), ("GB", "GBR"), ("GB", "GBD"), ("EU", "EUE"),
            ("UN", "UNO"), ("UN", "UNA"), ("KS", "RKS"), ("XK", "RKS"), ("HK", "CHN"), ("CN", "CHN"), ("TW", "TWN"),
            ("UT", "UTO"), ("XOM", "XOM"),
        ],
    )  # fmt: skip
    def test_who_signs_for_whom(self, country: str, state: str) -> None:
        assert signs_for(country, state)

    @pytest.mark.parametrize(
        ("country", "state"),
        [("DE", "FRA"), ("FR", "D<<"), ("DE", "DE<"), ("AT", "AUS"), ("AU", "AUT"), ("CN", "TWN"), ("CN", "HKG"), ("", "DEU"),
         ("DEU", "DEU"), ("de", "DEU"), ("XX", "XOM")],
    )  # fmt: skip
    def test_who_does_not(self, country: str, state: str) -> None:
        assert not signs_for(country, state)


# --- damage ---------------------------------------------------------------------------------------------------------

SIGNERS = (SIGNER, GERMANY.signer(pair("brainpoolP256r1", 2)), GERMANY.signer(pair("RSA 2048", 2)))
FILES = (
    SIGNERS[0].sod(version=1),
    SIGNERS[1].sod(GROUPS, "sha512", identifier=tlv(0x80, key_id(SIGNERS[1].info))),
    SIGNERS[2].sod(
        GROUPS, "sha1", how=How("pss"), certificates=[SIGNERS[2].data, FRANCE.data], lists=[GERMANY.revocation_list(3)]
    ),
)


def said(data: bytes) -> tuple[dict[int, bytes], bytes | None]:
    """The signed content, and who signed it."""
    read = read_sod(data)
    return dict(read.hashes), read.message.signer.signed if read.message.signer else None


SAID = [said(each) for each in FILES]


@pytest.mark.parametrize("number", range(len(FILES)))
@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.soak) if LONG else 23])
def test_a_flipped_bit_is_refused_or_changes_nothing(number: int, step: int) -> None:
    """Every bit of EF.SOD where long counts run, else every 23rd."""
    counts: Counter[str] = Counter()
    for bit in range(number, 8 * len(FILES[number]), step):
        damaged = bytearray(FILES[number])
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            found = check(bytes(damaged))
        except ChipMalformed:
            counts["malformed"] += 1
            continue
        counts.update(each.value for each in found.reasons)
        if not found.reasons:
            assert said(bytes(damaged)) == SAID[number]
    assert counts["malformed"]
    assert counts["signature_wrong"]
    assert counts["signer_forged"] or counts["signer_unknown"]


@given(data=st.data())
def test_a_flipped_bit_of_a_group_is_refused(data: st.DataObject) -> None:
    number = data.draw(st.sampled_from(sorted(GROUPS)))
    group = bytearray(GROUPS[number])
    bit = data.draw(st.integers(0, 8 * len(group) - 1))
    group[bit // 8] ^= 1 << bit % 8
    assert reasons(FILES[0], {**GROUPS, number: bytes(group)}) == {ChipReason.GROUP_ALTERED}


@pytest.mark.parametrize("count", [pytest.param(COUNT, marks=pytest.mark.soak) if LONG else COUNT])
def test_damaged_files_are_judged_or_malformed(count: int) -> None:
    counts: Counter[str] = Counter()
    for number in range(count):
        rng = random.Random(f"{SEED} {number}")  # noqa: S311 - damage, not secrets
        which = number % len(FILES)
        data, other = FILES[which], rng.choice(FILES)
        start = rng.randrange(len(data))
        end = start + rng.choice((0, 1, 2, 8, 100))
        middle = rng.choice(
            (b"", rng.randbytes(rng.choice((1, 2, 30))), other[start:end], data[start:end] * 2, b"\x80", b"\xff" * 4)
        )
        damaged = rng.choice((data[:start] + middle + data[end:], data[:start] + other[rng.randrange(len(other)) :]))
        try:
            found = check(damaged)
        except ChipMalformed:
            counts["malformed"] += 1
            continue
        counts["failed" if found.reasons else "passed"] += 1
        if not found.reasons:
            assert said(damaged) in SAID
    assert counts["malformed"] > counts["failed"] > 0
