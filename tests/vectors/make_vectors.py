"""An independent implementation of docs/formats.md, written from that document alone and sharing no code with visavis.

Run as a program, it writes formats.json; imported, it opens what visavis wrote. Keys, nonces and times are fixed.
"""

import hashlib
import hmac
import json
import math
import struct
import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

Vector = dict[str, Any]
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
RANDOM, PASSKEY = 1, 2
LIST_BITS = 131072
LIST_TYPE = "application/statuslist+cwt"


def require(condition: bool, what: str) -> None:
    """Refuse what the specification does not allow."""
    if not condition:
        raise ValueError(what)


# Primitives


def sha256(*parts: bytes) -> bytes:
    """SHA-256 of the parts, joined."""
    return hashlib.sha256(b"".join(parts)).digest()


def mac(key: bytes, *parts: bytes) -> bytes:
    """HMAC-SHA256 of the parts, joined."""
    return hmac.digest(key, b"".join(parts), "sha256")


def hkdf(ikm: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """HKDF with SHA-256, RFC 5869."""
    prk, block, out = mac(salt, ikm), b"", b""
    while len(out) < length:
        block = mac(prk, block, info, bytes([len(out) // 32 + 1]))
        out += block
    return out[:length]


def decrypt(key: bytes, nonce: bytes, ciphertext: bytes, aad: bytes) -> bytes:
    """AES-256-GCM, the tag at the end."""
    require(len(key) == 32 and len(nonce) == 12, "sizes of key and nonce")
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, aad)
    except InvalidTag:
        raise ValueError("tag") from None


def public_of(seed: bytes) -> bytes:
    """The public key of an Ed25519 seed."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def sign(seed: bytes, message: bytes) -> bytes:
    """An Ed25519 signature."""
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def verify(public: bytes, signature: bytes, message: bytes) -> None:
    """Refuse a signature that is not one."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        raise ValueError("signature") from None


def key_id(key: bytes) -> bytes:
    """The key id of a public or secret key."""
    require(len(key) == 32, "size of key")
    return sha256(b"visavis key id v1", key)[:8]


# Base45, RFC 9285


def base45(data: bytes) -> str:
    """Encode: two bytes in three characters, a last single one in two."""
    text = ""
    for at in range(0, len(data), 2):
        pair = data[at : at + 2]
        number = int.from_bytes(pair, "big")
        for _ in range(len(pair) + 1):
            number, digit = divmod(number, 45)
            text += ALPHABET[digit]
    return text


def unbase45(text: str) -> bytes:
    """Decode, and refuse everything that the encoder cannot have written."""
    data = b""
    for at in range(0, len(text), 3):
        group = text[at : at + 3]
        size = len(group) - 1
        number = sum(ALPHABET.index(character) * 45**place for place, character in enumerate(group))
        require(size > 0 and number < 256**size, "Base45")
        data += number.to_bytes(size, "big")
    return data


def data_of_text(prefix: str, text: str) -> bytes:
    """The bytes of a text with a prefix."""
    require(text.startswith(prefix), "prefix")
    return unbase45(text.removeprefix(prefix))


# Deterministic CBOR, RFC 8949 4.2.1, as far as it is used: integers, bytes, text, arrays and maps


def cbor_head(major: int, number: int) -> bytes:
    """The head of an item, in the shortest form."""
    if number < 24:
        return bytes([major << 5 | number])
    power = next(power for power in range(4) if number < 256 ** (1 << power))
    return bytes([major << 5 | 24 + power]) + number.to_bytes(1 << power, "big")


def encode(value: object) -> bytes:
    """Encode; no key's encoding begins another's, so sorting pairs sorts keys."""
    match value:
        case int():
            return cbor_head(0, value) if value >= 0 else cbor_head(1, -1 - value)
        case bytes():
            return cbor_head(2, len(value)) + value
        case str():
            return cbor_head(3, len(value.encode())) + value.encode()
        case list():
            return cbor_head(4, len(value)) + b"".join(map(encode, value))
        case dict():
            return cbor_head(5, len(value)) + b"".join(
                sorted(encode(key) + encode(item) for key, item in value.items())
            )
    raise ValueError("not for CBOR here")


def decode_item(data: bytes, at: int, depth: int) -> tuple[object, int]:
    """The item at a place, and the place after it."""
    require(at < len(data) and depth < 8, "CBOR: cut off or too deep")
    major, number = data[at] >> 5, data[at] & 31
    at += 1
    if number >= 24:
        require(number <= 27, "CBOR: indefinite or reserved length")
        size = 1 << (number - 24)
        number, at = int.from_bytes(data[at : at + size], "big"), at + size
    if major < 2:
        return (number, at) if major == 0 else (-1 - number, at)
    if major < 4:
        raw, at = data[at : at + number], at + number
        return (raw if major == 2 else raw.decode()), at
    require(major < 6, "CBOR: tag, float or simple value")
    items = []
    for _ in range(number * (major - 3)):
        item, at = decode_item(data, at, depth + 1)
        items.append(item)
    if major == 4:
        return items, at
    require(all(isinstance(key, int | str) for key in items[::2]), "CBOR: key")
    return dict(zip(items[::2], items[1::2], strict=True)), at


def decode(data: bytes) -> object:
    """Decode; what is encoded again otherwise was not deterministic, was cut off, or has a tail."""
    value, _ = decode_item(data, 0, 0)
    require(encode(value) == data, "CBOR: not deterministic")
    return value


# COSE, RFC 9052


def make_sign1(header: dict[int, object], payload: object, seed: bytes) -> bytes:
    """A tagged COSE_Sign1."""
    protected, content = encode(header), encode(payload)
    signature = sign(seed, encode(["Signature1", protected, b"", content]))
    return cbor_head(6, 18) + encode([protected, {}, content, signature])


def open_sign1(data: bytes, header: dict[int, object], public: bytes) -> object:
    """The payload of a tagged COSE_Sign1 with exactly this protected header."""
    require(data[:1] == cbor_head(6, 18), "tag")
    match decode(data[1:]):
        case [bytes(protected), dict(unprotected), bytes(content), bytes(signature)]:
            require(protected == encode(header) and not unprotected, "headers")
            verify(public, signature, encode(["Signature1", protected, b"", content]))
            return decode(content)
    raise ValueError("not a COSE_Sign1")


# Template


def make_template(model: bytes, scale: float, quality: int, vector: Sequence[int]) -> bytes:
    """Pack a template."""
    return struct.pack(f">B8sHfH{len(vector)}b", 1, model, len(vector), scale, quality, *vector)


def read_template(data: bytes) -> Vector:
    """The fields of a valid template."""
    require(len(data) > 17, "size of template")
    version, model, dimension, scale, quality = struct.unpack(">B8sHfH", data[:17])
    require(version == 1 and dimension == len(data) - 17 and 1 <= quality <= 10000, "fields of template")
    vector = struct.unpack(f">{dimension}b", data[17:])
    require(max(map(abs, vector)) == 127 and math.isfinite(scale) and scale > 0, "vector of template")
    off = abs(scale * math.hypot(*vector) - 1)
    require(off <= scale / 2 * math.sqrt(dimension) + 0.001, "length of vector")
    fields = {"version": version, "model": model, "dimension": dimension, "scale": scale, "quality": quality}
    return fields | {"vector": data[17:]}


# Sealed template and claim


def key_schedule(claim: bytes, operator_key: bytes, shred: bytes, record: bytes, version: bytes) -> dict[str, bytes]:
    """Key and commitment, and what they come from."""
    require({len(claim), len(operator_key), len(shred)} == {32}, "sizes of keys")
    c = sha256(b"visavis claim v1", claim)
    k = mac(operator_key, b"visavis op v1", record, sha256(c))
    both = hkdf(c + k + shred, record + version, b"visavis seal v1", 64)
    return {"c": c, "k": k, "key": both[:32], "commitment": both[32:]}


def open_sealed(sealed: bytes, *, claim: bytes, operator_key: bytes, shred: bytes) -> bytes:
    """The template in a sealed template."""
    require(len(sealed) > 121 and sealed[:6] == b"VVS1\1\1" and sealed[7] == 1, "head of seal")
    kind, record, salt, version = sealed[6], sealed[8:24], sealed[24:40], sealed[40:44]
    require(kind in (RANDOM, PASSKEY) and any(salt) == (kind == PASSKEY) and any(version), "fields of seal")
    keys = key_schedule(claim, operator_key, shred, record, version)
    require(hmac.compare_digest(keys["commitment"], sealed[44:76]), "commitment")
    template = decrypt(keys["key"], sealed[76:88], sealed[88:], sealed[:76])
    read_template(template)
    return template


def secret_of_text(prefix: str, text: str) -> tuple[bytes, bytes, int]:
    """The parts of a claim or a holder's secret."""
    data = data_of_text(prefix, text)
    require(len(data) == 49 and data[48] in (RANDOM, PASSKEY), "size or type of secret")
    return data[:16], data[16:48], data[48]


def claim_of_text(text: str) -> tuple[bytes, bytes, int]:
    """Record id, claim and claim type."""
    return secret_of_text("VC1:", text)


def holder_of_text(text: str) -> tuple[bytes, bytes, int]:
    """`cti`, secret and type of a holder's secret."""
    return secret_of_text("VH1:", text)


# Face credential


def template_key(holder_secret: bytes | None, verifier_key: bytes, cti: bytes, kind: int) -> bytes:
    """The key of the template in a credential."""
    require((holder_secret is None) == (kind == 0) and len(holder_secret or bytes(32)) == 32, "holder secret")
    return hkdf((holder_secret or b"") + verifier_key, cti, b"visavis credential v1" + bytes([kind]), 32)


def encrypt0_aad(protected: bytes, cti: bytes) -> bytes:
    """The additional data of the template in a credential."""
    return encode(["Encrypt0", protected, cti])


def open_credential(
    data: bytes, *, issuer_public: bytes, verifier_key: bytes, holder_secret: bytes | None
) -> tuple[dict[int, object], bytes]:
    """The claims but the encrypted one, and the template."""
    require(len(data) <= 4096, "size of credential")
    match open_sign1(data, {1: -8, 4: key_id(issuer_public)}, issuer_public):
        case {
            1: str(issuer),
            4: int(expiry),
            6: int(issued),
            7: bytes(cti),
            -65537: int(index),
            -65538: list(purposes),
            -65539: [bytes(protected), {5: bytes(nonce)} as unprotected, bytes(ciphertext)],
            -65540: int(kind),
            **others,
        }:
            require(not others and unprotected == {5: nonce}, "claims")
            require(1 <= len(issuer) <= 255 and 0 <= issued < expiry and len(cti) == 16, "name, times or cti")
            require(0 <= index < LIST_BITS and kind in (0, 1, 2), "index or type")
            names = [name for name in purposes if isinstance(name, str) and 1 <= len(name) <= 64]
            require(1 <= len(names) <= 8 and purposes == sorted(set(names)), "purposes")
            require(protected == encode({1: 3, 4: key_id(verifier_key)}), "header of template")
            key = template_key(holder_secret, verifier_key, cti, kind)
            template = decrypt(key, nonce, ciphertext, encrypt0_aad(protected, cti))
            read_template(template)
            claims: dict[int, object] = {1: issuer, 4: expiry, 6: issued, 7: cti, -65537: index, -65538: names}
            return claims | {-65540: kind}, template
    raise ValueError("claims")


def credential_of_text(text: str) -> bytes:
    """The bytes of a credential."""
    data = data_of_text("VV1:", text)
    require(len(data) <= 4096, "size of credential")
    return data


# Status list


def read_status_list(data: bytes, *, issuer_public: bytes) -> tuple[dict[int, object], set[int]]:
    """The claims but the list, and the places that are revoked."""
    require(len(data) <= 32768, "size of status list")
    match open_sign1(data, {1: -8, 4: key_id(issuer_public), 16: LIST_TYPE}, issuer_public):
        case {
            1: str(issuer),
            2: str(address),
            6: int(issued),
            65533: {"bits": 1, "lst": bytes(packed)} as entry,
            **others,
        }:
            require(not others and len(entry) == 2 and 1 <= len(issuer) <= 255 and issued >= 0, "claims")
            inflater = zlib.decompressobj()
            try:
                bits = inflater.decompress(packed, LIST_BITS // 8 + 1)
            except zlib.error:
                raise ValueError("zlib") from None
            require(inflater.eof and not inflater.unused_data and len(bits) == LIST_BITS // 8, "list")
            revoked = {place for place in range(LIST_BITS) if bits[place // 8] >> place % 8 & 1}
            return {1: issuer, 2: address, 6: issued}, revoked
    raise ValueError("claims")


# Audit log


def line_of(value: object) -> str:
    """A line of JSON in ASCII with sorted keys and without spaces."""
    return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False)


def value_of(line: str) -> object:
    """Read a line, and refuse one that would be written otherwise."""
    value: object = json.loads(line)
    require(line_of(value) == line, "line")
    return value


def is_utc(at: str) -> bool:
    """Whether a time is in UTC."""
    return datetime.fromisoformat(at).utcoffset() == timedelta(0)


def chain(lines: Sequence[str]) -> list[bytes]:
    """The hash of each entry of a whole log."""
    hashes = [bytes(32)]
    for count, line in enumerate(lines, 1):
        match value_of(line):
            case {"at": str(at), "details": dict(), "event": str(), "number": int(number), **others}:
                require(not others and type(number) is int and number == count and is_utc(at), "entry")
            case _:
                raise ValueError("entry")
        hashes.append(sha256(b"visavis audit v1", hashes[-1], line.encode("ascii")))
    return hashes[1:]


def head_message(number: int, digest: bytes, at: str) -> bytes:
    """What the signer of a head signs."""
    return b"visavis head v1" + number.to_bytes(8, "big") + digest + at.encode("ascii")


def verify_head(line: str) -> tuple[int, bytes]:
    """Number and hash of a head with a good signature; whose key it is, the caller judges."""
    match value_of(line):
        case {
            "at": str(at),
            "hash": str(digest),
            "key": str(key),
            "number": int(number),
            "signature": str(mark),
            **others,
        }:
            raw = [bytes.fromhex(text) for text in (digest, key, mark)]
            require([part.hex() for part in raw] == [digest, key, mark], "hex")
            require(not others and [len(part) for part in raw] == [32, 32, 64], "fields of head")
            require(is_utc(at) and type(number) is int and 1 <= number < 1 << 64, "time or number")
            verify(raw[1], raw[2], head_message(number, raw[0], at))
            return number, raw[0]
    raise ValueError("head")


# The vectors


def fixed(label: str, size: int = 32) -> bytes:
    """Bytes from a label, in place of random ones."""
    return hkdf(label.encode(), b"", b"visavis test vectors", size)


def template_vector(label: str, dimension: int, quality: int, largest: int) -> Vector:
    """A template of unit length whose largest component is the first."""
    vector = [largest, *(byte % 201 - 100 for byte in fixed(f"{label} vector", dimension - 1))]
    template = make_template(fixed(f"{label} model", 8), 1 / math.hypot(*vector), quality, vector)
    return {**read_template(template), "bytes": template}


def sealed_vector(kind: int, version: int, template: bytes) -> Vector:
    """A sealed template with everything that leads to it."""
    label = f"sealed {kind} {version}"
    operator_key, shred, claim = fixed(f"operator key {version}"), fixed(f"{label} shred"), fixed(f"{label} claim")
    record, nonce = fixed(f"{label} record", 16), fixed(f"{label} nonce", 12)
    salt = fixed(f"{label} salt", 16) if kind == PASSKEY else bytes(16)
    number = version.to_bytes(4, "big")
    keys = key_schedule(claim, operator_key, shred, record, number)
    head = b"VVS1" + bytes([1, 1, kind, 1]) + record + salt + number + keys["commitment"]
    text = "VC1:" + base45(record + claim + bytes([kind]))
    sealed = head + nonce + AESGCM(keys["key"]).encrypt(nonce, template, head)
    inputs = {"operator_key": operator_key, "operator_key_version": version, "shred": shred, "nonce": nonce}
    inputs |= {"claim": claim, "claim_text": text, "claim_type": kind, "record_id": record, "claim_salt": salt}
    return keys | inputs | {"template": template, "sealed": sealed}


def credential_vector(kind: int, issuer: str, index: int, purposes: list[str], template: bytes) -> Vector:
    """A face credential with everything that leads to it."""
    label = f"credential {kind}"
    seed, verifier_key = fixed("issuer seed"), fixed(f"{label} verifier key")
    cti, nonce = fixed(f"{label} cti", 16), fixed(f"{label} nonce", 12)
    secret = fixed(f"{label} holder secret") if kind else None
    issued, expires = 1767225600 + kind, 1798761600 + kind
    key = template_key(secret, verifier_key, cti, kind)
    protected = encode({1: 3, 4: key_id(verifier_key)})
    ciphertext = AESGCM(key).encrypt(nonce, template, encrypt0_aad(protected, cti))
    claims = {1: issuer, 4: expires, 6: issued, 7: cti, -65537: index, -65538: sorted(purposes), -65540: kind}
    claims[-65539] = [protected, {5: nonce}, ciphertext]
    credential = make_sign1({1: -8, 4: key_id(public_of(seed))}, claims, seed)
    text = "VH1:" + base45(cti + secret + bytes([kind])) if secret else None
    inputs: Vector = {
        "issuer": issuer,
        "issuer_seed": seed,
        "issuer_public": public_of(seed),
        "verifier_key": verifier_key,
    }
    inputs |= {"holder_type": kind, "holder_secret": secret, "holder_secret_text": text, "cti": cti, "index": index}
    inputs |= {"purposes": sorted(purposes), "issued_at": issued, "expires_at": expires, "nonce": nonce}
    results = {"template_key": key, "credential": credential, "text": "VV1:" + base45(credential)}
    return inputs | {"template": template} | results


def status_list_vector(issuer: str, address: str, revoked: list[int]) -> Vector:
    """A status list; zlib builds differ in how they compress, so only its reading is to be compared."""
    seed, issued, bits = fixed("issuer seed"), 1767312000, bytearray(LIST_BITS // 8)
    for place in revoked:
        bits[place // 8] |= 1 << place % 8
    payload = {1: issuer, 2: address, 6: issued, 65533: {"bits": 1, "lst": zlib.compress(bits, 9)}}
    data = make_sign1({1: -8, 4: key_id(public_of(seed)), 16: LIST_TYPE}, payload, seed)
    inputs: Vector = {"issuer": issuer, "issuer_seed": seed, "issuer_public": public_of(seed), "address": address}
    note = "read only: zlib builds may compress the same list differently"
    return inputs | {"revoked": revoked, "issued_at": issued, "bytes": data, "note": note}


def audit_vector(events: list[tuple[str, dict[str, object]]]) -> Vector:
    """A log and its head."""
    lines = [
        line_of({"at": f"2026-01-01T00:00:0{number}.000000Z", "details": details, "event": event, "number": number})
        for number, (event, details) in enumerate(events, 1)
    ]
    hashes, seed, at = chain(lines), fixed("audit seed"), "2026-01-01T00:01:00.000000Z"
    signature = sign(seed, head_message(len(lines), hashes[-1], at)).hex()
    head = {"at": at, "hash": hashes[-1].hex(), "key": public_of(seed).hex()}
    return {
        "entries": [{"line": line, "hash": digest} for line, digest in zip(lines, hashes, strict=True)],
        "head": line_of(head | {"number": len(lines), "signature": signature}),
        "head_seed": seed,
    }


def make_document() -> Vector:
    """All vectors."""
    templates = [template_vector("large", 128, 10000, 127), template_vector("small", 4, 8765, -127)]
    large, small = (template["bytes"] for template in templates)
    keys = {"public": public_of(fixed("issuer seed")), "secret": fixed("credential 0 verifier key")}
    events: list[tuple[str, dict[str, object]]] = [
        ("created", {}),
        ("enrolled", {"record": fixed("sealed 1 1 record", 16).hex(), "captures": 3}),
        ("erased", {"reason": "Wünsche", "nested": {"b": [1, None, True], "a": '/"\\'}}),
    ]
    return {
        "templates": templates,
        "sealed": [
            sealed_vector(RANDOM, 1, large),
            sealed_vector(RANDOM, 7, small),
            sealed_vector(PASSKEY, 1, small),
            sealed_vector(PASSKEY, 7, large),
        ],
        "credentials": [
            credential_vector(0, "Example Issuer", 0, ["door"], large),
            credential_vector(1, "Bürgeramt Köln", 131071, ["zz", "aaa", "\U00010000", "\uff5e", "Ä"], large),
            credential_vector(2, "I", 300, [f"purpose {number}" for number in range(8)], small),
        ],
        "status_lists": [
            status_list_vector("Example Issuer", "https://issuer.example/status", [0, 7, 8, 4242, 131071])
        ],
        "audit": audit_vector(events),
        "key_ids": [{"kind": kind, "key": key, "key_id": key_id(key)} for kind, key in keys.items()],
    }


def check_document(document: Vector) -> None:
    """Open every vector, as it is read back from JSON."""
    raw = bytes.fromhex
    for one in document["templates"]:
        fields = read_template(raw(one["bytes"]))
        assert {
            name: value.hex() if isinstance(value, bytes) else value for name, value in fields.items()
        }.items() <= one.items()
    for one in document["sealed"]:
        record, claim, kind = claim_of_text(one["claim_text"])
        assert (record.hex(), claim.hex(), kind) == (one["record_id"], one["claim"], one["claim_type"])
        sealed, operator_key, shred = raw(one["sealed"]), raw(one["operator_key"]), raw(one["shred"])
        assert open_sealed(sealed, claim=claim, operator_key=operator_key, shred=shred).hex() == one["template"]
        assert (sealed[8:24], sealed[40:44]) == (record, one["operator_key_version"].to_bytes(4, "big"))
    for one in document["credentials"]:
        kind, text, secret, data = one["holder_type"], one["holder_secret_text"], None, credential_of_text(one["text"])
        if text is not None:
            cti, secret, type_ = holder_of_text(text)
            assert (cti.hex(), secret.hex(), type_) == (one["cti"], one["holder_secret"], kind)
        public, verifier_key = raw(one["issuer_public"]), raw(one["verifier_key"])
        claims, template = open_credential(data, issuer_public=public, verifier_key=verifier_key, holder_secret=secret)
        assert (data.hex(), template.hex()) == (one["credential"], one["template"])
        names = {
            1: "issuer",
            4: "expires_at",
            6: "issued_at",
            -65537: "index",
            -65538: "purposes",
            -65540: "holder_type",
        }
        assert claims == {number: one[name] for number, name in names.items()} | {7: raw(one["cti"])}
    for one in document["status_lists"]:
        claims, revoked = read_status_list(raw(one["bytes"]), issuer_public=raw(one["issuer_public"]))
        assert claims == {1: one["issuer"], 2: one["address"], 6: one["issued_at"]}
        assert sorted(revoked) == one["revoked"]
    entries, head = document["audit"]["entries"], document["audit"]["head"]
    hashes = chain([entry["line"] for entry in entries])
    assert [digest.hex() for digest in hashes] == [entry["hash"] for entry in entries]
    assert verify_head(head) == (len(hashes), hashes[-1])
    assert all(key_id(raw(one["key"])).hex() == one["key_id"] for one in document["key_ids"])


def main() -> None:
    """Write the vectors, checked."""
    text = json.dumps(make_document(), ensure_ascii=True, indent=2, sort_keys=True, default=bytes.hex) + "\n"
    check_document(json.loads(text))
    Path(__file__).with_name("formats.json").write_bytes(text.encode("ascii"))


if __name__ == "__main__":
    main()
