import hmac
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cbor2
import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st

from tests.template.material import (
    NOW,
    PERSON,
    YEAR,
    Office,
    cbor,
    claims_of,
    embedding,
    flips,
    payload_of,
    random_bytes,
    sign,
    template,
)
from visavis.errors import (
    CredentialAlgorithm,
    CredentialError,
    CredentialExpired,
    CredentialForged,
    CredentialIssuerUnknown,
    CredentialMalformed,
    CredentialNotYetValid,
    CredentialPurpose,
    CredentialRevoked,
    HolderSecretMissing,
    HolderSecretWrong,
    StatusListForged,
    StatusListMalformed,
    StatusListStale,
    VerifierKeyWrong,
)
from visavis.template import (
    CREDENTIAL_PREFIX,
    FaceCredential,
    FileKeys,
    HolderSecret,
    HolderType,
    Secret,
    Template,
    base45,
    key_id,
)

CTI = bytes(range(16))
SECOND = timedelta(seconds=1)
ISSUER, EXPIRES, ISSUED, ID, INDEX, PURPOSES, TEMPLATE, HOLDER = 1, 4, 6, 7, -65537, -65538, -65539, -65540


def secret(kind: HolderType, cti: bytes = CTI, seed: int = 7) -> HolderSecret | None:
    return None if kind is HolderType.NONE else HolderSecret(cti, Secret(random_bytes(seed, 32)), kind)


def read(data: bytes, office: Office) -> FaceCredential:
    return FaceCredential.read(data, issuers=[office.issuer])


@pytest.fixture(params=list(HolderType), ids=lambda kind: kind.name.lower())
def holder(request: pytest.FixtureRequest) -> HolderSecret | None:
    """What a credential of each profile needs."""
    return secret(request.param)


@pytest.fixture
def credential(office: Office, holder: HolderSecret | None) -> FaceCredential:
    return office.issue(holder=holder)


class TestForm:
    def test_its_issuer_signed_what_it_says(self, office: Office) -> None:
        credential = office.issue(index=77, purposes=["b", "a"], holder=secret(HolderType.RANDOM))
        assert (credential.issuer, credential.cti, credential.index) == ("Example Office", CTI, 77)
        assert (credential.purposes, credential.holder) == (("a", "b"), HolderType.RANDOM)
        assert (credential.issued_at, credential.expires_at) == (NOW, NOW + YEAR)
        assert credential.verifier_key_id == key_id(office.verifier_key.view)

    def test_its_bytes(self, credential: FaceCredential, office: Office) -> None:
        message = cbor2.loads(credential.data)
        assert message.tag == 18
        header, unprotected, payload, signature = message.value
        assert (cbor2.loads(header), unprotected) == ({1: -8, 4: key_id(office.signer.public)}, {})
        assert len(signature) == 64
        claims = cbor2.loads(payload)
        protected, nonce, ciphertext = claims.pop(TEMPLATE)
        assert claims == {
            ISSUER: "Example Office",
            EXPIRES: int((NOW + YEAR).timestamp()),
            ISSUED: int(NOW.timestamp()),
            ID: CTI,
            INDEX: 5,
            PURPOSES: ["visavis"],
            HOLDER: int(credential.holder),
        }
        assert cbor2.loads(protected) == {1: 3, 4: key_id(office.verifier_key.view)}
        assert (list(nonce), len(nonce[5]), len(ciphertext)) == ([5], 12, 145 + 16)

    def test_what_is_issued_is_read_and_opens(
        self, credential: FaceCredential, holder: HolderSecret | None, office: Office
    ) -> None:
        for one in (credential, read(credential.data, office)):
            assert one == credential
            opened = one.open(verifier_keys=office.verifier_keys, holder=holder)
            assert bytes(opened) == bytes(PERSON)
        assert FaceCredential.from_text(credential.text(), issuers=[office.issuer]) == credential
        assert credential.text() == base45.encode("VV1:", credential.data)
        assert CREDENTIAL_PREFIX == "VV1:"

    @given(
        name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=255),
        purposes=st.sets(
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64), min_size=1, max_size=8
        ),
        index=st.integers(0, 131071),
        issued=st.integers(0, 253402300798),
        kind=st.sampled_from(HolderType),
        cti=st.binary(min_size=16, max_size=16),
        data=st.data(),
    )
    def test_whatever_it_says_is_read(
        self, office: Office, name: str, purposes: set[str], index: int, issued: int, kind: HolderType, cti: bytes,
        data: st.DataObject,
    ) -> None:  # fmt: skip
        expires = data.draw(st.integers(issued + 1, 253402300799))
        holder = secret(kind, cti)
        credential = office.issue(
            name=name,
            purposes=list(purposes),
            index=index,
            issued_at=datetime.fromtimestamp(issued, UTC),
            expires_at=datetime.fromtimestamp(expires, UTC),
            holder=holder,
            cti=cti,
        )
        found = FaceCredential.from_text(credential.text(), issuers=[replace(office.issuer, name=name)])
        assert found == credential
        assert (found.issuer, found.index, found.holder, found.cti) == (name, index, kind, cti)
        assert (found.issued_at.timestamp(), found.expires_at.timestamp()) == (issued, expires)
        assert found.purposes == tuple(sorted(purposes))
        assert bytes(found.open(verifier_keys=office.verifier_keys, holder=holder)) == bytes(PERSON)

    def test_it_fits_a_code_that_is_easily_read(self, credential: FaceCredential) -> None:
        assert 340 <= len(credential.data) <= 390
        assert len(credential.text()) < 600
        assert segno.make_qr(credential.text(), error="m").designator == "15-M"

    def test_times_are_whole_seconds(self, office: Office) -> None:
        part = timedelta(microseconds=999_999)
        credential = office.issue(issued_at=NOW + part, expires_at=NOW + YEAR + part)
        assert (credential.issued_at, credential.expires_at) == (NOW, NOW + YEAR)

    def test_what_is_issued_twice_shares_no_ciphertext(self, office: Office) -> None:
        one, other = (claims_of(office.issue().data)[TEMPLATE] for _ in range(2))
        assert one[0] == other[0]
        assert one[1] != other[1]
        assert not any(one[2][start : start + 4] in other[2] for start in range(158))

    def test_the_template_is_not_in_it(self, credential: FaceCredential) -> None:
        plain = bytes(PERSON)
        assert all(plain[start : start + 4] not in credential.data for start in range(142))

    def test_a_reference_of_fused_captures_keeps_its_quality(self, office: Office) -> None:
        fused = Template.of([embedding(1, spread=0.5, frame=frame) for frame in range(3)])
        opened = office.issue(template=fused).open(verifier_keys=office.verifier_keys, holder=None)
        assert opened.quality == fused.quality < 10000


class TestIssuing:
    @pytest.mark.parametrize(
        "values",
        [
            {"cti": bytes(15)},
            {"cti": bytes(17)},
            {"cti": b""},
            {"index": -1},
            {"index": 131072},
            {"purposes": []},
            {"purposes": ["a"] * 2},
            {"purposes": [""]},
            {"purposes": ["a" * 65]},
            {"purposes": list("abcdefghi")},
            {"name": ""},
            {"name": "a" * 256},
            {"expires_at": NOW},
            {"expires_at": NOW - SECOND},
            {"issued_at": datetime(1969, 12, 31, 23, tzinfo=UTC)},
        ],
        ids=str,
    )
    def test_what_no_credential_can_hold(self, office: Office, values: dict[str, Any]) -> None:
        with pytest.raises(CredentialMalformed, match="no credential can hold this") as caught:
            office.issue(**values)
        assert caught.value.code == "credential_malformed"

    @pytest.mark.parametrize("values", [{"purposes": ["\ud800"]}, {"name": "\ud800"}], ids=ascii)
    def test_what_is_no_text(self, office: Office, values: dict[str, Any]) -> None:
        with pytest.raises(CredentialMalformed, match="no credential can hold this"):
            office.issue(**values)

    def test_a_credential_that_would_be_too_long_to_be_read(self, office: Office) -> None:
        read(office.issue(template=template(dimension=3500)).data, office)
        with pytest.raises(CredentialMalformed, match="no credential can hold this"):
            office.issue(template=template(dimension=4000))

    def test_the_longest_of_everything(self, office: Office) -> None:
        purposes = [chr(0x1F600 + number) * 64 for number in range(8)]
        credential = office.issue(name="😀" * 255, purposes=purposes, index=131071)
        found = FaceCredential.read(credential.data, issuers=[replace(office.issuer, name="😀" * 255)])
        assert found.purposes == tuple(purposes)

    @pytest.mark.parametrize("kind", [HolderType.RANDOM, HolderType.PASSKEY])
    def test_a_secret_made_for_another_credential(self, office: Office, kind: HolderType) -> None:
        with pytest.raises(HolderSecretWrong, match="this secret was made for another credential") as caught:
            office.issue(holder=secret(kind, bytes(16)))
        assert caught.value.code == "holder_secret_wrong"


class TestAlgorithm:
    """What the message says of its algorithm never decides how it is checked."""

    @pytest.mark.parametrize(
        "algorithm", [-7, -35, -36, -19, -50, -53, -37, -257, 5, 6, 4, 1, 3, 0, 8, "EdDSA", "none"]
    )
    def test_another_one_is_refused(self, office: Office, algorithm: int | str) -> None:
        header = cbor({1: algorithm, 4: key_id(office.signer.public)})
        with pytest.raises(CredentialAlgorithm, match="expected EdDSA for the signature") as caught:
            read(office.sign(payload_of(office.issue().data), protected=header), office)
        assert caught.value.code == "credential_algorithm"

    @pytest.mark.parametrize("algorithm", [5, -8])
    def test_a_public_key_is_no_secret_of_a_mac(self, office: Office, algorithm: int) -> None:
        payload = payload_of(office.issue().data)
        header = cbor({1: algorithm, 4: key_id(office.signer.public)})
        tag = hmac.digest(office.signer.public, cbor(["MAC0", header, b"", payload]), "sha256")
        for made in (tag, tag + bytes(32), b""):
            with pytest.raises(CredentialAlgorithm if algorithm == 5 else CredentialForged):
                read(office.sign(payload, protected=header, signature=made), office)

    def test_none_is_refused(self, office: Office) -> None:
        header = cbor({4: key_id(office.signer.public)})
        with pytest.raises(CredentialMalformed, match="no algorithm is named"):
            read(office.sign(payload_of(office.issue().data), protected=header), office)

    def test_it_is_protected(self, office: Office) -> None:
        header = cbor({4: key_id(office.signer.public)})
        with pytest.raises(CredentialMalformed, match="without unprotected headers"):
            read(office.sign(payload_of(office.issue().data), protected=header, unprotected={1: -8}), office)
        with pytest.raises(CredentialMalformed, match="without unprotected headers"):
            read(office.sign(payload_of(office.issue().data), unprotected={1: -8}), office)

    @pytest.mark.parametrize("algorithm", [1, 2, 10, 24, -8, 0, "A256GCM"])
    def test_the_templates_too_is_the_one_that_is_accepted(self, office: Office, algorithm: int | str) -> None:
        claims = claims_of(office.issue().data)
        claims[TEMPLATE][0] = cbor({1: algorithm, 4: key_id(office.verifier_key.view)})
        with pytest.raises(CredentialAlgorithm, match="A256GCM for the template"):
            read(office.sign(cbor(claims)), office)

    def test_and_is_protected(self, office: Office) -> None:
        claims = claims_of(office.issue().data)
        claims[TEMPLATE][0] = cbor({4: key_id(office.verifier_key.view)})
        with pytest.raises(CredentialMalformed, match="no algorithm is named"):
            read(office.sign(cbor(claims)), office)
        claims[TEMPLATE][1][1] = 3
        with pytest.raises(CredentialMalformed, match="expected a COSE_Encrypt0 with a nonce"):
            read(office.sign(cbor(claims)), office)


class TestIssuer:
    def test_an_unknown_one(self, office: Office, other_office: Office) -> None:
        for issuers in ([], [other_office.issuer]):
            with pytest.raises(CredentialIssuerUnknown, match="is no trusted issuer's") as caught:
                FaceCredential.read(office.issue().data, issuers=issuers)
            assert caught.value.code == "credential_issuer_unknown"

    def test_no_issuer_speaks_for_another(self, office: Office, other_office: Office) -> None:
        data = other_office.issue(name=office.issuer.name).data
        with pytest.raises(CredentialIssuerUnknown, match="names an issuer whose key did not sign it"):
            FaceCredential.read(data, issuers=[office.issuer, other_office.issuer])

    def test_nor_for_one_that_is_not_trusted(self, office: Office) -> None:
        with pytest.raises(CredentialIssuerUnknown, match="names an issuer whose key did not sign it"):
            read(office.issue(name="Nobody").data, office)

    def test_each_of_several_is_read(self, office: Office, other_office: Office) -> None:
        for one in (office, other_office):
            found = FaceCredential.read(one.issue().data, issuers=[office.issuer, other_office.issuer])
            assert found.issuer == one.issuer.name

    def test_a_key_id_is_no_key(self, office: Office, other_office: Office) -> None:
        header = cbor({1: -8, 4: key_id(office.signer.public)})
        with pytest.raises(CredentialForged, match="was changed or forged") as caught:
            read(other_office.sign(payload_of(office.issue().data), protected=header), office)
        assert caught.value.code == "credential_forged"

    def test_a_credential_outlives_the_rotation_of_its_key(self, tmp_path: Path) -> None:
        office = Office(tmp_path / "keys")
        old = office.issue()
        office.keys.rotate("issuer")
        renewed = Office(tmp_path / "keys")
        assert len(renewed.issuer.keys) == 2
        for credential in (old, renewed.issue()):
            assert read(credential.data, renewed) == credential
        with pytest.raises(CredentialIssuerUnknown, match="is no trusted issuer's"):
            read(old.data, Office(tmp_path / "other"))


class TestTampering:
    def test_no_flipped_bit_is_read(self, credential: FaceCredential, office: Office) -> None:
        start = credential.data.index(payload_of(credential.data))
        end = start + len(payload_of(credential.data))
        unsigned = (CredentialMalformed, CredentialAlgorithm, CredentialIssuerUnknown, CredentialForged)
        for place, data in flips(credential.data):
            with pytest.raises(CredentialError) as caught:
                read(data, office)
            assert type(caught.value) in unsigned
            if start <= place < end or place >= len(data) - 64:
                assert type(caught.value) is CredentialForged

    def test_no_changed_character_is_read(self, office: Office) -> None:
        text = office.issue().text()
        for place in range(len(text)):
            other = "0" if text[place] != "0" else "1"
            with pytest.raises(CredentialError):
                FaceCredential.from_text(text[:place] + other + text[place + 1 :], issuers=[office.issuer])

    def test_nothing_may_be_missing_or_stand_around_it(self, office: Office) -> None:
        data = office.issue().data
        changed = [data[:length] for length in range(len(data))]
        changed += [data + b"\0", b"\0" + data, data + data, data[1:], b"\xd2" + data]
        for each in changed:
            with pytest.raises(CredentialMalformed, match="this is no face credential"):
                read(each, office)

    def test_no_part_of_another_credential_fits(self, office: Office) -> None:
        one, other = (cbor2.loads(office.issue(cti=bytes([number] * 16)).data).value for number in (1, 2))
        for part in (2, 3):
            mixed = [*one]
            mixed[part] = other[part]
            with pytest.raises(CredentialForged, match="was changed or forged"):
                read(b"\xd2" + cbor(mixed), office)

    def test_an_issuer_that_mixes_two_templates_up_is_noticed(self, office: Office) -> None:
        """The template is bound to the id of its credential."""
        one, other = (claims_of(office.issue(cti=bytes([number] * 16)).data) for number in (1, 2))
        mixed = read(office.sign(cbor(one | {TEMPLATE: other[TEMPLATE]})), office)
        with pytest.raises(CredentialError):
            mixed.open(verifier_keys=office.verifier_keys, holder=None)

    @pytest.mark.parametrize(
        "text", ["", "VV1:", "VC1:", "VV1:A", "VV1:GGW", "vv1:00", "VV1:😀", "\ud800", "HELLO", "VV1:" + "0" * 6000]
    )
    def test_other_texts(self, office: Office, text: str) -> None:
        with pytest.raises(CredentialMalformed) as caught:
            FaceCredential.from_text(text, issuers=[office.issuer])
        assert caught.value.code == "credential_malformed"
        assert len(text) < 5 or text not in str(caught.value)

    def test_another_prefix(self, office: Office) -> None:
        text = office.issue().text()
        for other in ("VC1:" + text[4:], text[4:], "VV2:" + text[4:], " " + text, text.lower()):
            with pytest.raises(CredentialMalformed, match="VV1: and Base45, as its QR code says"):
                FaceCredential.from_text(other, issuers=[office.issuer])

    def test_a_status_list_is_no_credential(self, office: Office) -> None:
        with pytest.raises(CredentialMalformed, match="unexpected protected headers"):
            read(office.status_list(), office)


def _encrypted(**changes: Any) -> Callable[[dict[int, Any]], Any]:
    """Another COSE_Encrypt0; its parts are protected, unprotected and ciphertext."""

    def change(claims: dict[int, Any]) -> Any:
        protected, unprotected, ciphertext = claims[TEMPLATE]
        parts = {"protected": protected, "unprotected": unprotected, "ciphertext": ciphertext} | changes
        return claims | {TEMPLATE: list(parts.values())}

    return change


def _claim(label: object, value: object) -> Callable[[dict[int, Any]], Any]:
    return lambda claims: {**claims, label: value}


def _without(label: int) -> Callable[[dict[int, Any]], Any]:
    return lambda claims: {key: value for key, value in claims.items() if key != label}


CLAIMS = "expected the claims of a face credential and no others"
RANGE = "a claim is out of its range"
ENCODING = "no CBOR of the expected kind|not in deterministic encoding"
NONCE = {5: bytes(12)}

UNACCEPTABLE: dict[str, tuple[Callable[[dict[int, Any]], Any], str]] = {
    **{f"no claim {label}": (_without(label), CLAIMS) for label in (1, 4, 6, 7, -65537, -65538, -65539, -65540)},
    **{f"a claim {label}": (_claim(label, "x"), CLAIMS) for label in (2, 3, 5, 8, 0, -1, -65536, -65541, 65535)},
    "a claim under a text": (_claim("iss", "x"), CLAIMS),
    "a list": (lambda claims: [claims], CLAIMS),
    "a number": (lambda _: 1, CLAIMS),
    "bytes": (cbor, CLAIMS),
    "no claims": (lambda _: {}, CLAIMS),
    **{f"{label} as text": (_claim(label, "1"), CLAIMS) for label in (4, 6, -65537, -65540)},
    **{f"{label} as bytes": (_claim(label, b"1"), CLAIMS) for label in (1, 4, 6, -65537, -65538, -65540)},
    **{f"{label} as a list": (_claim(label, [1]), CLAIMS) for label in (1, 4, 6, 7, -65537, -65540)},
    **{f"{label} true": (_claim(label, True), ENCODING) for label in (1, 4, 6, 7, -65537, -65538, -65539, -65540)},
    **{f"{label} false": (_claim(label, False), ENCODING) for label in (1, 4, 6, 7, -65537, -65538, -65539, -65540)},
    **{f"{label} null": (_claim(label, None), ENCODING) for label in (1, 4, 6, 7, -65537, -65538, -65539, -65540)},
    **{f"{label} as a float": (_claim(label, 1.0), ENCODING) for label in (4, 6, -65537, -65540)},
    **{f"{label} as a large number": (_claim(label, 2**64), ENCODING) for label in (4, 6, -65537, -65540)},
    **{
        f"{label} tagged": (_claim(label, cbor2.CBORTag(1, 1)), ENCODING)
        for label in (1, 4, 6, 7, -65537, -65538, -65540)
    },
    "a date": (_claim(4, cbor2.CBORTag(0, "2026-11-22T12:00:00Z")), ENCODING),
    "the template tagged": (lambda claims: claims | {TEMPLATE: cbor2.CBORTag(16, claims[TEMPLATE])}, ENCODING),
    "the claims tagged": (lambda claims: cbor2.CBORTag(61, claims), ENCODING),
    "an empty name": (_claim(1, ""), RANGE),
    "a long name": (_claim(1, "x" * 256), RANGE),
    "an id of 15 bytes": (_claim(7, bytes(15)), RANGE),
    "an id of 17 bytes": (_claim(7, bytes(17)), RANGE),
    "an id as text": (_claim(7, "x" * 16), CLAIMS),
    "expired when issued": (lambda claims: claims | {4: claims[6]}, RANGE),
    "issued before 1970": (_claim(6, -1), RANGE),
    "valid beyond the year 9999": (_claim(4, 253402300800), RANGE),
    "valid for all time": (_claim(4, 2**64 - 1), RANGE),
    "an index below 0": (_claim(-65537, -1), RANGE),
    "an index beyond the list": (_claim(-65537, 131072), RANGE),
    "no purpose": (_claim(-65538, []), RANGE),
    "nine purposes": (_claim(-65538, list("abcdefghi")), RANGE),
    "an empty purpose": (_claim(-65538, [""]), RANGE),
    "a long purpose": (_claim(-65538, ["x" * 65]), RANGE),
    "a purpose twice": (_claim(-65538, ["a", "a"]), RANGE),
    "purposes out of order": (_claim(-65538, ["b", "a"]), RANGE),
    "a number as purpose": (_claim(-65538, [1]), RANGE),
    "bytes as purpose": (_claim(-65538, [b"a"]), RANGE),
    "purposes of two kinds": (_claim(-65538, ["a", 1]), RANGE),
    "purposes as one text": (_claim(-65538, "visavis"), CLAIMS),
    "purposes as a map": (_claim(-65538, {"a": "b"}), CLAIMS),
    "another holder type": (_claim(-65540, 3), RANGE),
    "a holder type below 0": (_claim(-65540, -1), RANGE),
    "the template as bytes": (_claim(-65539, b"template"), "a COSE_Encrypt0 with a nonce"),
    "the template with recipients": (lambda claims: claims | {TEMPLATE: [*claims[TEMPLATE], []]}, "a COSE_Encrypt0"),
    "no nonce": (_encrypted(unprotected={}), "a COSE_Encrypt0 with a nonce"),
    "a partial nonce": (_encrypted(unprotected={6: bytes(12)}), "a COSE_Encrypt0 with a nonce"),
    "a short nonce": (_encrypted(unprotected={5: bytes(11)}), "a nonce of 12 bytes"),
    "another unprotected header": (_encrypted(unprotected={5: bytes(12), 4: b"k"}), "a COSE_Encrypt0 with a nonce"),
    "no key id": (_encrypted(protected=cbor({1: 3})), RANGE),
    "a key id as text": (_encrypted(protected=cbor({1: 3, 4: "12345678"})), RANGE),
    "a key id of 7 bytes": (_encrypted(protected=cbor({1: 3, 4: bytes(7)})), RANGE),
    "a key id of 9 bytes": (_encrypted(protected=cbor({1: 3, 4: bytes(9)})), RANGE),
    "another protected header": (_encrypted(protected=cbor({1: 3, 4: bytes(8), 3: 0})), RANGE),
    "headers in another encoding": (_encrypted(protected=b"\xa2\x04\x41\x00\x01\x03"), ENCODING),
    "a ciphertext too short for a template": (_encrypted(ciphertext=bytes(33)), RANGE),
    "no ciphertext": (_encrypted(ciphertext=b""), RANGE),
}


class TestClaims:
    """Even under a good signature, only what visavis writes is read."""

    def test_what_the_others_start_from_is_right(self, office: Office) -> None:
        credential = office.issue()
        assert office.sign(cbor(claims_of(credential.data))) == credential.data

    @pytest.mark.parametrize("name", list(UNACCEPTABLE))
    def test_what_is_never_written(self, office: Office, name: str) -> None:
        change, reason = UNACCEPTABLE[name]
        payload = cbor(change(claims_of(office.issue().data)))
        with pytest.raises(CredentialMalformed, match=reason) as caught:
            read(office.sign(payload), office)
        assert caught.value.code == "credential_malformed"

    def test_another_encoding(self, office: Office) -> None:
        payload = payload_of(office.issue().data)
        claims = cbor2.loads(payload)
        issued = cbor(claims[ISSUED])
        changed = [
            payload + b"\0",
            payload[:-1],
            b"",
            cbor2.dumps(dict(reversed(claims.items()))),
            b"\xb8\x08" + payload[1:],
            b"\xbf" + payload[1:] + b"\xff",
            b"\xa9" + payload[1:] + b"\x06" + issued,
            b"\xa9\x01\x61\x58" + payload[1:],
            payload.replace(issued, b"\x1b" + bytes(4) + issued[1:]),
            payload.replace(issued, b"\xc1" + issued),
        ]
        assert len({*changed, payload}) == len(changed) + 1
        for each in changed:
            with pytest.raises(CredentialMalformed, match=ENCODING):
                read(office.sign(each), office)

    def test_another_encoding_of_the_message(self, office: Office) -> None:
        data = office.issue().data
        header, unprotected, payload, signature = cbor2.loads(data).value
        parts = [cbor(header), cbor(unprotected), cbor(payload), cbor(signature)]
        changed = [
            b"\xd2\x9f" + b"".join(parts) + b"\xff",
            b"\xd2\x98\x04" + b"".join(parts),
            b"\xd8\x12\x84" + b"".join(parts),
            b"\xd9\xd9\xf7" + data,
            b"\xd2\x84\x58" + bytes([len(header)]) + header + b"".join(parts[1:]),
            b"\xd2\x84" + parts[0] + b"\xb8\0" + b"".join(parts[2:]),
            b"\xd2\x84" + parts[0] + b"\xa0\x5f" + parts[2] + b"\xff" + parts[3],
        ]
        for each in changed:
            assert cbor2.loads(each) is not None
            with pytest.raises(CredentialMalformed, match=f"{ENCODING}|a tagged COSE_Sign1"):
                read(each, office)

    def test_what_is_too_long(self, office: Office) -> None:
        data = office.sign(bytes(4096))
        with pytest.raises(CredentialMalformed, match="of bounded length"):
            read(data, office)

    def test_bytes_that_hold_no_template(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(Template, "__bytes__", lambda _: bytes(145))
            credential = office.issue()
        with pytest.raises(CredentialMalformed, match="its issuer put no template into it: expected version 1"):
            read(credential.data, office).open(verifier_keys=office.verifier_keys, holder=None)


class TestCheck:
    def check(self, office: Office, credential: FaceCredential | None = None, **changes: Any) -> None:
        values: dict[str, Any] = {
            "issuers": [office.issuer],
            "status_lists": [office.status_list()],
            "purpose": "visavis",
            "now": NOW,
        }
        (credential or office.issue()).check(**(values | changes))

    def test_a_good_one_passes(self, office: Office) -> None:
        self.check(office)
        self.check(office, office.issue(purposes=["door", "visavis"]))

    def test_it_is_valid_until_it_expires(self, office: Office) -> None:
        credential = office.issue(expires_at=NOW + 3600 * SECOND)
        fresh = [office.status_list(now=NOW + 3599 * SECOND)]
        self.check(office, credential, status_lists=fresh, now=NOW + timedelta(seconds=3600, microseconds=-1))
        for late in (0, 1, 10**6):
            with pytest.raises(CredentialExpired, match=r"it expired at 2026-11-22 13:00 UTC") as caught:
                self.check(office, credential, status_lists=fresh, now=NOW + (3600 + late) * SECOND)
            assert caught.value.code == "credential_expired"

    def test_clocks_may_differ_by_a_minute(self, office: Office) -> None:
        self.check(office, now=NOW - 60 * SECOND)
        for early in (60.000001, 61, 10**6):
            with pytest.raises(
                CredentialNotYetValid, match=r"from 2026-11-22 12:00 UTC on; is this clock right\?"
            ) as caught:
                self.check(office, now=NOW - early * SECOND)
            assert caught.value.code == "credential_not_yet_valid"

    @pytest.mark.parametrize("purpose", ["door", "", "Visavis", "visavis ", "visavi", "visaviss"])
    def test_it_serves_its_purposes_alone(self, office: Office, purpose: str) -> None:
        with pytest.raises(CredentialPurpose, match=f"it was issued for 'visavis', not for '{purpose}'") as caught:
            self.check(office, purpose=purpose)
        assert caught.value.code == "credential_purpose"

    @pytest.mark.parametrize("index", [0, 5, 131071])
    def test_a_revoked_one(self, office: Office, index: int) -> None:
        credential = office.issue(index=index)
        neighbours = [each for each in (index - 1, index + 1) if 0 <= each < 131072]
        self.check(office, credential, status_lists=[office.status_list(*neighbours)])
        with pytest.raises(CredentialRevoked, match="its issuer has revoked it") as caught:
            self.check(office, credential, status_lists=[office.status_list(index)])
        assert caught.value.code == "credential_revoked"

    def test_the_newest_list_counts(self, office: Office) -> None:
        old, new = office.status_list(now=NOW - SECOND), office.status_list(5)
        for lists in ([old, new], [new, old]):
            with pytest.raises(CredentialRevoked):
                self.check(office, status_lists=lists)
        old, new = office.status_list(5, now=NOW - SECOND), office.status_list()
        for lists in ([old, new], [new, old]):
            self.check(office, status_lists=lists)

    def test_lists_of_others_are_passed_over(self, office: Office, other_office: Office) -> None:
        others = other_office.status_list(5)
        self.check(office, status_lists=[others, office.status_list(), b"", b"rubbish"])
        with pytest.raises(CredentialRevoked):
            self.check(office, status_lists=[other_office.status_list(), office.status_list(5)])
        with pytest.raises(StatusListMalformed):
            self.check(office, status_lists=[others])

    def test_each_issuers_credentials_stand_in_its_own_list(self, office: Office, other_office: Office) -> None:
        issuers = [office.issuer, other_office.issuer]
        lists = [office.status_list(5), other_office.status_list()]
        self.check(office, other_office.issue(), issuers=issuers, status_lists=lists)
        with pytest.raises(CredentialRevoked):
            self.check(office, office.issue(), issuers=issuers, status_lists=lists)

    def test_without_a_list_nothing_passes(self, office: Office) -> None:
        with pytest.raises(StatusListStale, match="no status list of Example Office is at hand; fetch it") as caught:
            self.check(office, status_lists=[])
        assert caught.value.code == "status_list_stale"

    def test_a_list_serves_for_a_day(self, office: Office) -> None:
        day = 24 * 3600
        self.check(office, status_lists=[office.status_list(now=NOW - day * SECOND)])
        with pytest.raises(StatusListStale, match="is older than 24 hours; fetch it anew"):
            self.check(office, status_lists=[office.status_list(now=NOW - (day + 1) * SECOND)])
        self.check(office, status_lists=[office.status_list(now=NOW + 60 * SECOND)])
        with pytest.raises(StatusListStale, match=r"is from the future; is this clock right\?"):
            self.check(office, status_lists=[office.status_list(now=NOW + 61 * SECOND)])

    def test_a_forged_list_does_not_serve(self, office: Office) -> None:
        _, forged = flips(office.status_list())[-1]
        with pytest.raises(StatusListForged):
            self.check(office, status_lists=[forged])

    def test_an_issuer_that_is_no_longer_trusted(self, office: Office, other_office: Office) -> None:
        """The list of issuers may change between reading and checking."""
        for issuers in ([], [other_office.issuer]):
            with pytest.raises(CredentialIssuerUnknown):
                self.check(office, issuers=issuers)


class TestOpening:
    @pytest.fixture(params=[HolderType.RANDOM, HolderType.PASSKEY], ids=lambda kind: kind.name.lower())
    def kind(self, request: pytest.FixtureRequest) -> HolderType:
        return HolderType(request.param)

    def open(self, office: Office, credential: FaceCredential, holder: HolderSecret | None) -> Template:
        return credential.open(verifier_keys=office.verifier_keys, holder=holder)

    def test_another_verifiers_key(
        self, credential: FaceCredential, holder: HolderSecret | None, other_office: Office
    ) -> None:
        for verifier_keys in ({}, other_office.verifier_keys):
            with pytest.raises(VerifierKeyWrong, match="verifiers that hold another key") as caught:
                credential.open(verifier_keys=verifier_keys, holder=holder)
            assert caught.value.code == "verifier_key_wrong"

    def test_another_key_under_the_same_id(
        self, credential: FaceCredential, holder: HolderSecret | None, other_office: Office
    ) -> None:
        with pytest.raises(CredentialError if holder is None else HolderSecretWrong):
            credential.open(verifier_keys={credential.verifier_key_id: other_office.verifier_key}, holder=holder)

    def test_keys_rotate(self, tmp_path: Path, kind: HolderType) -> None:
        office = Office(tmp_path / "keys")
        old = office.issue(holder=secret(kind))
        office.keys.rotate("verifier")
        renewed = FileKeys(tmp_path / "keys").verifier_keys()
        assert len(renewed) == 2
        assert bytes(old.open(verifier_keys=renewed, holder=secret(kind))) == bytes(PERSON)

    def test_without_its_holder(self, office: Office, kind: HolderType) -> None:
        with pytest.raises(HolderSecretMissing, match="opens only with its holder's secret") as caught:
            self.open(office, office.issue(holder=secret(kind)), None)
        assert caught.value.code == "holder_secret_missing"

    def test_the_secret_of_another_credential(self, office: Office, kind: HolderType) -> None:
        with pytest.raises(HolderSecretWrong, match="belongs to another credential") as caught:
            self.open(office, office.issue(holder=secret(kind)), secret(kind, bytes(16)))
        assert caught.value.code == "holder_secret_wrong"

    def test_a_secret_of_another_type(self, office: Office, kind: HolderType) -> None:
        other = HolderType.PASSKEY if kind is HolderType.RANDOM else HolderType.RANDOM
        with pytest.raises(HolderSecretWrong, match="belongs to another credential"):
            self.open(office, office.issue(holder=secret(kind)), secret(other))

    def test_a_secret_made_up(self, office: Office, kind: HolderType) -> None:
        credential, mine = office.issue(holder=secret(kind)), secret(kind)
        assert mine is not None
        others = [flipped for _, flipped in flips(bytes(mine.secret.view))]
        for other in (bytes(32), b"\xff" * 32, *others):
            with pytest.raises(HolderSecretWrong, match="this secret does not open it"):
                self.open(office, credential, HolderSecret(CTI, Secret(other), kind))

    def test_the_profile_is_part_of_the_key(self, office: Office) -> None:
        """An issuer's slip, or a change of the claim by whoever has its key, opens nothing."""
        claims = claims_of(office.issue(holder=secret(HolderType.RANDOM)).data)
        for kind in (HolderType.NONE, HolderType.PASSKEY):
            changed = read(office.sign(cbor(claims | {HOLDER: int(kind)})), office)
            with pytest.raises(CredentialError if kind is HolderType.NONE else HolderSecretWrong):
                self.open(office, changed, secret(kind))

    def test_where_none_is_needed_a_secret_is_disregarded(self, office: Office) -> None:
        credential = office.issue()
        for holder in (None, secret(HolderType.RANDOM), secret(HolderType.PASSKEY, bytes(16))):
            assert bytes(self.open(office, credential, holder)) == bytes(PERSON)

    def test_what_opened_it_can_be_used_again(self, office: Office, kind: HolderType) -> None:
        credential, mine = office.issue(holder=secret(kind)), secret(kind)
        for _ in range(2):
            assert bytes(self.open(office, credential, mine)) == bytes(PERSON)


class TestSilence:
    def test_it_shows_its_id_alone(self, credential: FaceCredential) -> None:
        assert f"{credential} {credential!r}" == f"<FaceCredential {CTI.hex()}> <FaceCredential {CTI.hex()}>"

    def test_refusals_show_nothing(self, office: Office, other_office: Office) -> None:
        mine = secret(HolderType.RANDOM)
        assert mine is not None
        credential = office.issue(holder=mine)
        refusals: list[Callable[[], object]] = [
            lambda: credential.open(verifier_keys={}, holder=mine),
            lambda: credential.open(verifier_keys=office.verifier_keys, holder=None),
            lambda: credential.open(verifier_keys=office.verifier_keys, holder=secret(HolderType.RANDOM, bytes(16))),
            lambda: credential.open(verifier_keys=office.verifier_keys, holder=secret(HolderType.RANDOM, seed=8)),
            lambda: read(credential.data[:-1], office),
            lambda: read(flips(credential.data)[-1][1], office),
            lambda: FaceCredential.from_text(credential.text() + ".", issuers=[office.issuer]),
            lambda: FaceCredential.read(credential.data, issuers=[other_office.issuer]),
        ]
        for refusal in refusals:
            with pytest.raises(CredentialError) as caught:
                refusal()
            message = f"{caught.value} {caught.value!r}"
            for data in (mine.secret.view, office.verifier_key.view, bytes(PERSON), credential.data):
                assert bytes(data).hex()[:12] not in message
                assert repr(bytes(data))[2:12] not in message
            assert credential.text()[4:20] not in message


def test_anyone_can_write_the_same_message(office: Office) -> None:
    """The helper that forges the messages above writes good ones too."""
    credential = office.issue()
    assert sign(payload_of(credential.data), office.signer) == credential.data
