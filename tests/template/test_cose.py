from collections.abc import Mapping
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.template.material import Office, cbor, random_bytes, sign
from visavis.template import Secret, cose, key_id, read_key
from visavis.template.keys import FileSigner

HEX = bytes.fromhex
CONTENT = b"This is the content."

SEED = HEX("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = HEX("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
"""RFC 8037, appendix A."""


class TestExamples:
    """Of RFC 9052, of the COSE working group's collection (aes-gcm-enc-03), and a signature with RFC 8037's key."""

    def test_what_is_signed(self) -> None:
        expected = HEX("846A5369676E61747572653143A101274054546869732069732074686520636F6E74656E742E")
        assert cose.to_be_signed(HEX("A10127"), CONTENT) == expected

    def test_what_is_authenticated(self) -> None:
        assert cose.enc_structure(HEX("A10103"), b"") == HEX("8368456E63727970743043A1010340")

    def test_encryption(self) -> None:
        key = Secret(HEX("0F1E2D3C4B5A69788796A5B4C3D2E1F01F2E3D4C5B6A798897A6B5C4D3E2F100"))
        nonce = HEX("02D1F7E6F26C43D4868D87CE")
        ciphertext = HEX("9D64A5A59A3B04867DCCF6B8EF82F7D1A3B25EF84ECA2BC5D7593A96E943859A9CC24AD3")
        message = cose.encrypt0(Secret(CONTENT), key=key, nonce=nonce, protected={}, external_aad=b"")
        assert message == [HEX("A10103"), {5: nonce}, ciphertext]
        named, *parts = cose.open_header(message)
        assert named == {1: 3}
        header, *_ = parts
        assert cose.decrypt0(header, nonce, ciphertext, key=key, external_aad=b"") == Secret(CONTENT)

    def test_a_signature(self) -> None:
        signer = FileSigner(Secret(SEED))
        assert signer.public == PUBLIC
        expected = HEX(
            "e8491c645d25d990e7eeaafa710c67518b8ba332be23f951e9d2f4a329860e32"
            "77ddba19e7285a5be6f28af3d41c2355225ad55be4a5d2c7b50015d6b994c20e"
        )
        assert signer.sign(cose.to_be_signed(HEX("a10127"), b"hello cose")) == expected


PLAIN = st.recursive(
    st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=40) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.integers(-(2**64), 2**64 - 1) | st.text(max_size=8) | st.binary(max_size=8), inner, max_size=4
        )
    ),
    max_leaves=12,
)

NOT_DETERMINISTIC = {
    "a number in too many bytes": "1801",
    "a number in two bytes too many": "190001",
    "a number in eight bytes": "1b0000000000000001",
    "a negative number in too many bytes": "3800",
    "the length of a text in too many bytes": "780161",
    "the length of bytes in too many bytes": "580100",
    "a list's length in too many bytes": "980100",
    "a map's length in too many bytes": "b8010000",
    "bytes of indefinite length": "5f4100ff",
    "a text of indefinite length": "7f6161ff",
    "a list of indefinite length": "9f00ff",
    "a map of indefinite length": "bf0000ff",
    "keys out of order": "a202000100",
    "a key twice": "a201000100",
    "a key twice with other values": "a201000101",
    "two items": "0000",
    "trailing bytes": "0100",
    "nothing": "",
    "a text cut short": "6461",
    "a list cut short": "8200",
    "a map cut short": "a200",
    "a break": "ff",
    "a reserved length": "1c",
    "a text that is not UTF-8": "61ff",
    "a surrogate in UTF-8": "63eda080",
}
NOT_PLAIN = {
    "false": "f4",
    "true": "f5",
    "true for a number in a list": "81f5",
    "true for a number in a map": "a101f5",
    "true as a key": "a1f500",
    "null": "f6",
    "undefined": "f7",
    "a simple value": "e0",
    "a float": "f90000",
    "a float of four bytes": "fa3fc00000",
    "a float of eight bytes": "fb3ff199999999999a",
    "no number": "f97e00",
    "infinity": "f97c00",
    "a float as a key": "a1f93c0000",
    "a list as a key": "a1810000",
    "a map as a key": "a1a00000",
}
TOO_MUCH = {
    "a list that claims to be endless": "9bffffffffffffffff",
    "a map that claims to be endless": "bbffffffffffffffff",
    "bytes that claim to be endless": "5bffffffffffffffff",
    "a text that claims to be endless": "7b7fffffffffffffff",
    "lists within lists": "81" * 4000 + "00",
    "maps within maps": "a100" * 2000 + "00",
    "indefinite lists within lists": "9f" * 4000,
}


class TestEncoding:
    @given(value=PLAIN)
    def test_what_is_written_is_read(self, value: Any) -> None:
        assert cose.decode(cose.encode(value)) == value

    @given(data=st.binary(max_size=12) | PLAIN.map(lambda value: cbor2.dumps(value)))
    def test_what_is_read_is_what_would_be_written(self, data: bytes) -> None:
        try:
            value = cose.decode(data)
        except cose.Malformed:
            return
        assert cose.encode(value) == data

    @pytest.mark.parametrize("name", [*NOT_DETERMINISTIC, *NOT_PLAIN])
    def test_nothing_else_is_read(self, name: str) -> None:
        data = HEX((NOT_DETERMINISTIC | NOT_PLAIN)[name])
        for whole in (data, b"\x81" + data, b"\xa1\x00" + data):
            with pytest.raises(cose.Malformed, match=r"no CBOR of the expected kind|not in deterministic encoding"):
                cose.decode(whole)

    @pytest.mark.parametrize("name", list(TOO_MUCH))
    def test_nothing_that_costs_much_is_read(self, name: str) -> None:
        with pytest.raises(cose.Malformed, match="no CBOR of the expected kind"):
            cose.decode(HEX(TOO_MUCH[name]))

    @pytest.mark.parametrize("tag", [*range(40), 100, 258, 260, 1004, 43000, 55799, 2**16, 2**32, 2**64 - 1])
    @pytest.mark.parametrize("tagged", ["00", "40", "60", "80", "a0", "820001", "4101", "613a"])
    def test_no_tag_is_read(self, tag: int, tagged: str) -> None:
        head = cbor2.dumps(cbor2.CBORTag(tag, 0))[:-1]
        for data in (head + HEX(tagged), b"\x81" + head + HEX(tagged), b"\xa1" + head + HEX(tagged) + b"\0"):
            with pytest.raises(cose.Malformed, match="no CBOR of the expected kind"):
                cose.decode(data)

    def test_numbers_beyond_64_bits_have_no_place(self) -> None:
        for value in (2**64, -(2**64) - 1):
            with pytest.raises(cose.Malformed, match="no CBOR of the expected kind"):
                cose.decode(cose.encode(value))

    @pytest.mark.parametrize(
        "labels",
        [
            (1, 4, 6, 7, -65537, -65538, -65539, -65540),
            (1, 2, 6, 65533),
            (1, 4, 16),
            (1, 4),
            ("lst", "bits"),
        ],
    )
    def test_labels_stand_in_the_order_of_their_encodings(self, labels: tuple[int | str, ...]) -> None:
        """RFC 8949, 4.2.1."""
        for given_order in (labels, labels[::-1]):
            written = cose.encode(dict.fromkeys(given_order, 0))
            assert written[1:] == b"".join(sorted(cose.encode(label) + b"\0" for label in labels))


@pytest.fixture(scope="module")
def signer() -> FileSigner:
    return FileSigner(Secret(SEED))


KEYS = {key_id(PUBLIC): PUBLIC}
KID = key_id(PUBLIC)
PAYLOAD = b"payload"


def verify(data: bytes, *, keys: Mapping[bytes, bytes] = KEYS, protected: Mapping[int, Any] | None = None) -> bytes:
    return cose.verify1(data, keys=keys, bytes_max=4096, protected=protected)[0]


class TestSign1:
    def test_its_form(self, signer: FileSigner) -> None:
        message = cose.sign1(PAYLOAD, signer=signer)
        assert message == sign(PAYLOAD, signer)
        tag = cbor2.loads(message)
        assert tag.tag == 18
        header, unprotected, payload, signature = tag.value
        assert (cbor2.loads(header), unprotected, payload, len(signature)) == ({1: -8, 4: KID}, {}, PAYLOAD, 64)

    @given(payload=st.binary(max_size=300))
    def test_what_is_signed_is_verified(self, payload: bytes) -> None:
        message = cose.sign1(payload, signer=FileSigner(Secret(SEED)))
        assert cose.verify1(message, keys=KEYS, bytes_max=4096) == (payload, KEYS[KID])

    def test_another_type_of_message_is_refused(self, signer: FileSigner) -> None:
        typed = cose.sign1(PAYLOAD, signer=signer, protected={16: "a"})
        assert verify(typed, protected={16: "a"}) == PAYLOAD
        with pytest.raises(cose.Malformed, match="a message of another type"):
            verify(typed, protected={16: "b"})
        with pytest.raises(cose.Malformed, match="unexpected protected headers"):
            verify(typed)
        with pytest.raises(cose.Malformed, match="unexpected protected headers"):
            verify(cose.sign1(PAYLOAD, signer=signer), protected={16: "a"})

    def test_it_is_of_bounded_length(self, signer: FileSigner) -> None:
        message = cose.sign1(PAYLOAD, signer=signer)
        assert cose.verify1(message, keys=KEYS, bytes_max=len(message))[0] == PAYLOAD
        with pytest.raises(cose.Malformed, match="of bounded length"):
            cose.verify1(message, keys=KEYS, bytes_max=len(message) - 1)

    def test_it_is_tagged(self, signer: FileSigner) -> None:
        message = cose.sign1(PAYLOAD, signer=signer)
        for tagged in (message[1:], b"", b"\xd1" + message[1:], b"\xd8\x12" + message[1:], b"\xd8\x3d" + message):
            with pytest.raises(cose.Malformed, match="expected a tagged COSE_Sign1"):
                verify(tagged)
        with pytest.raises(cose.Malformed, match="no CBOR"):
            verify(b"\xd2" + message)

    @pytest.mark.parametrize(
        "algorithm", [-7, -35, -36, -19, -50, -53, -37, -257, 5, 4, 6, 1, 3, 0, 8, "EdDSA", b"\xf8", [-8], {-8: -8}]
    )
    def test_no_other_algorithm_is_accepted(self, signer: FileSigner, algorithm: object) -> None:
        with pytest.raises(cose.OtherAlgorithm, match="another algorithm is named"):
            verify(sign(PAYLOAD, signer, protected=cbor({1: algorithm, 4: KID})))

    @pytest.mark.parametrize(
        ("protected", "unprotected", "reason"),
        [
            ({4: KID}, {}, "no algorithm is named"),
            ({}, {}, "no algorithm is named"),
            ({4: KID}, {1: -8}, "without unprotected headers"),
            ({1: -8}, {4: KID}, "without unprotected headers"),
            ({1: -8, 4: KID}, {4: KID}, "without unprotected headers"),
            ({1: -8, 4: KID}, {99: 0}, "without unprotected headers"),
            ({1: -8}, {}, "unexpected protected headers"),
            ({1: -8, 4: KID, 2: [99], 99: 0}, {}, "unexpected protected headers"),
            ({1: -8, 4: KID, 3: "text/plain"}, {}, "unexpected protected headers"),
            ([1, -8], {}, "a map of headers"),
            (-8, {}, "a map of headers"),
        ],
    )
    def test_the_headers_are_those_and_no_others(
        self, signer: FileSigner, protected: object, unprotected: dict[int, object], reason: str
    ) -> None:
        with pytest.raises(cose.Malformed, match=reason):
            verify(sign(PAYLOAD, signer, protected=cbor(protected), unprotected=unprotected))

    @pytest.mark.parametrize("header", ["", "a2012704", "a20441010127", "a201380704", "f6", "a10127a10127"])
    def test_headers_in_another_encoding_are_refused(self, signer: FileSigner, header: str) -> None:
        with pytest.raises(cose.Malformed, match=r"no CBOR of the expected kind|not in deterministic encoding"):
            verify(sign(PAYLOAD, signer, protected=HEX(header)))

    @pytest.mark.parametrize("identifier", [bytes(8), KID[:-1], KID + b"\0", b"", KID.hex(), 7, [KID]])
    def test_an_unknown_key_is_refused(self, signer: FileSigner, identifier: object) -> None:
        with pytest.raises(cose.SignerUnknown, match="no key with this id"):
            verify(sign(PAYLOAD, signer, protected=cbor({1: -8, 4: identifier})))

    def test_with_no_keys_nobody_is_known(self, signer: FileSigner) -> None:
        with pytest.raises(cose.SignerUnknown, match="no key with this id"):
            verify(cose.sign1(PAYLOAD, signer=signer), keys={})

    @pytest.mark.parametrize(
        "value",
        [
            [],
            [b"", {}, b""],
            [b"\xa0", {}, b"", b"", b""],
            [{1: -8, 4: KID}, {}, PAYLOAD, bytes(64)],
            [b"\xa0", [], PAYLOAD, bytes(64)],
            [b"\xa0", {}, "payload", bytes(64)],
            [b"\xa0", {}, PAYLOAD, "signature"],
            [b"\xa0", {}, PAYLOAD, [[b"\xa0", {}, bytes(64)]]],
            {1: 2},
            7,
            b"bytes",
            "text",
        ],
    )
    def test_only_its_four_parts_are_a_message(self, value: object) -> None:
        with pytest.raises(cose.Malformed, match="expected a COSE_Sign1 without unprotected headers"):
            verify(b"\xd2" + cbor(value))

    def test_a_detached_payload_is_refused(self, signer: FileSigner) -> None:
        with pytest.raises(cose.Malformed, match="deterministic"):
            verify(b"\xd2" + cbor([cbor({1: -8, 4: KID}), {}, None, bytes(64)]))

    def test_another_signature_is_forged(self, signer: FileSigner, office: Office) -> None:
        made = cbor2.loads(cose.sign1(PAYLOAD, signer=signer)).value[3]
        others = (
            b"", made[:-1], made + b"\0", bytes(64), made[:32] + bytes(32), signer.sign(PAYLOAD),
            signer.sign(cbor(["Signature", cbor({1: -8, 4: KID}), b"", b"", PAYLOAD])),
            signer.sign(cbor(["Signature1", cbor({1: -8, 4: KID}), b"more", PAYLOAD])),
            office.signer.sign(cose.to_be_signed(cbor({1: -8, 4: KID}), PAYLOAD)),
        )  # fmt: skip
        for other in others:
            with pytest.raises(cose.Forged, match="the signature does not fit"):
                verify(sign(PAYLOAD, signer, signature=other))

    def test_no_signature_has_a_twin(self, signer: FileSigner) -> None:
        """S plus the order of the group is refused (RFC 8032, 5.1.7)."""
        made = cbor2.loads(cose.sign1(PAYLOAD, signer=signer)).value[3]
        order = 2**252 + 27742317777372353535851937790883648493
        twin = made[:32] + (int.from_bytes(made[32:], "little") + order).to_bytes(32, "little")
        with pytest.raises(cose.Forged):
            verify(sign(PAYLOAD, signer, signature=twin))


KEY = Secret(random_bytes(1, 32))
NONCE = random_bytes(2, 12)


def encrypted(plain: bytes = CONTENT, external_aad: bytes = b"aad") -> Any:
    return cose.encrypt0(Secret(plain), key=KEY, nonce=NONCE, protected={4: b"k"}, external_aad=external_aad)


class TestEncrypt0:
    @given(plain=st.binary(min_size=1, max_size=200), external_aad=st.binary(max_size=40))
    def test_what_is_encrypted_is_decrypted(self, plain: bytes, external_aad: bytes) -> None:
        named, *parts = cose.open_header(encrypted(plain, external_aad))
        assert named == {1: 3, 4: b"k"}
        assert cose.decrypt0(*parts, key=KEY, external_aad=external_aad) == Secret(plain)

    def test_whatever_was_changed_is_noticed(self) -> None:
        _, header, nonce, ciphertext = cose.open_header(encrypted())
        good = {"key": KEY, "external_aad": b"aad"}
        for parts, named in (
            ((b"\xa1\x01\x03", nonce, ciphertext), good),
            ((header, bytes(12), ciphertext), good),
            ((header, nonce, ciphertext[:-1]), good),
            ((header, nonce, ciphertext + b"\0"), good),
            ((header, nonce, bytes(len(ciphertext))), good),
            ((header, nonce, ciphertext), good | {"key": Secret(random_bytes(3, 32))}),
            ((header, nonce, ciphertext), good | {"external_aad": b""}),
            ((header, nonce, ciphertext), good | {"external_aad": b"aae"}),
        ):
            with pytest.raises(cose.Forged, match="the tag does not fit"):
                cose.decrypt0(*parts, **named)  # type: ignore[arg-type]

    @pytest.mark.parametrize("length", range(17))
    def test_what_is_too_short_for_a_tag_and_a_byte_is_refused(self, length: int) -> None:
        _, header, nonce, ciphertext = cose.open_header(encrypted())
        with pytest.raises(cose.Forged, match="the tag does not fit"):
            cose.decrypt0(header, nonce, ciphertext[:length], key=KEY, external_aad=b"aad")

    @pytest.mark.parametrize("algorithm", [1, 2, 10, 24, 30, -8, 0, "A256GCM", b"\3", [3]])
    def test_no_other_algorithm_is_accepted(self, algorithm: object) -> None:
        with pytest.raises(cose.OtherAlgorithm, match="another algorithm is named"):
            cose.open_header([cbor({1: algorithm, 4: b"k"}), {5: NONCE}, b"ciphertext"])

    @pytest.mark.parametrize(
        ("message", "reason"),
        [
            (None, "a COSE_Encrypt0 with a nonce"),
            ([], "a COSE_Encrypt0 with a nonce"),
            ([b"\xa0", {5: NONCE}], "a COSE_Encrypt0 with a nonce"),
            ([b"\xa0", {5: NONCE}, b"", b""], "a COSE_Encrypt0 with a nonce"),
            ([b"\xa0", {}, b""], "a COSE_Encrypt0 with a nonce"),
            ([b"\xa0", {5: "nonce"}, b""], "a COSE_Encrypt0 with a nonce"),
            ([b"\xa0", {5: NONCE, 1: 3}, b""], "a COSE_Encrypt0 with a nonce"),
            ([b"\xa0", {6: NONCE}, b""], "a COSE_Encrypt0 with a nonce"),
            ([{1: 3}, {5: NONCE}, b""], "a COSE_Encrypt0 with a nonce"),
            ([b"\xa0", {5: NONCE}, "text"], "a COSE_Encrypt0 with a nonce"),
            ([b"\x80", {5: NONCE}, b""], "a map of headers, and a nonce of 12 bytes"),
            ([b"\xa1\x01\x03", {5: NONCE[:-1]}, b""], "a nonce of 12 bytes"),
            ([b"\xa1\x01\x03", {5: NONCE + b"\0"}, b""], "a nonce of 12 bytes"),
            ([b"\xa1\x01\x03", {5: b""}, b""], "a nonce of 12 bytes"),
            ([b"\xa0", {5: NONCE}, b""], "no algorithm is named"),
            ([b"\xa1\x04\x41\x6b", {5: NONCE}, b""], "no algorithm is named"),
            ([b"", {5: NONCE}, b""], "no CBOR of the expected kind"),
            ([b"\xa1\x01\x18\x03", {5: NONCE}, b""], "not in deterministic encoding"),
        ],
    )
    def test_only_its_three_parts_are_a_message(self, message: object, reason: str) -> None:
        with pytest.raises(cose.Malformed, match=reason):
            cose.open_header(message)


def test_a_key_from_a_file_signs_like_any_other(office: Office, tmp_path: Any) -> None:
    path = tmp_path / "key"
    path.write_bytes(SEED)
    path.chmod(0o600)
    assert FileSigner(read_key(path)).public == PUBLIC
