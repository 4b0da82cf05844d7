"""Damaged and hostile inputs: every parser reads what it would write, or refuses it with its own error.

Seeded mutations of good inputs, and of what stands under a signature or in a seal, signed and sealed again by the right keys. By
default a few thousand in all; with VISAVIS_SOAK=1 in the environment, 100,000.
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from unittest.mock import patch

import pytest

from tests.conftest import LONG
from tests.mutating import Mutation, cut, duplicate, insert, mutated, remove, splice
from tests.template.material import (
    NOW,
    Office,
    Record,
    cbor,
    claim,
    payload_of,
    random_bytes,
    template,
)
from visavis.errors import (
    ClaimMalformed,
    ClaimRefused,
    CredentialAlgorithm,
    CredentialError,
    CredentialForged,
    CredentialIssuerUnknown,
    CredentialMalformed,
    HolderSecretMalformed,
    KeyUnusable,
    SealBroken,
    SealMalformed,
    StatusListForged,
    StatusListMalformed,
    TemplateMalformed,
    VisavisError,
)
from visavis.template import (
    Claim,
    ClaimType,
    FaceCredential,
    HolderSecret,
    HolderType,
    Issuer,
    SealedTemplate,
    Secret,
    StatusList,
    Template,
    key_id,
)

COUNT = 100_000 if LONG else 4_000
SEED = 20261122

WORDS = tuple(
    bytes.fromhex(word)
    for word in (
        *("00", "7f", "80", "ff", "00" * 8, "ff" * 8),
        *("9f", "bf", "5f", "f5", "f6", "c1", "d81c", "fb7ff8" + "00" * 6),
        *(head + "ff" * 8 for head in ("9b", "bb", "5b", "7b")),
    )
)
"""Extreme numbers, and of CBOR what has no end, what is true or null, tags, no number, and what claims to be endless."""


def flip_bits(rng: random.Random, data: bytes, other: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def graft(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """A part of another one in the same place."""
    start = rng.randrange(len(data))
    end = start + rng.choice((1, 4, 16, 64))
    return data[:start] + other[start:end] + data[end:]


def overwrite(rng: random.Random, data: bytes, other: bytes) -> bytes:
    word = rng.choice(WORDS)
    place = rng.randrange(len(data))
    return data[:place] + word + data[place + len(word) :]


def replace_all(rng: random.Random, data: bytes, other: bytes) -> bytes:
    return rng.choice((b"", data[:1], bytes(len(data)), rng.randbytes(len(data)), b"\x81" * len(data), data + other))


MUTATIONS: tuple[Mutation, ...] = (
    flip_bits,
    cut,
    insert,
    remove,
    duplicate,
    splice,
    graft,
    overwrite,
    replace_all,
)


@dataclass(frozen=True)
class Target:
    """What takes hostile bytes: returns what it would write for them, or refuses."""

    sources: Sequence[bytes]
    take: Callable[[bytes], bytes]
    refusals: tuple[type[VisavisError], ...]


TARGETS = (
    "template", "template in a seal", "sealed template", "claim", "holder's secret", "credential", "credential's text",
    "credential's claims", "status list", "status list's claims", "issuer",
)  # fmt: skip


def text(data: bytes) -> str:
    return data.decode("latin-1")


def target(name: str, office: Office) -> Target:
    records = [Record(number, kind) for number, kind in enumerate(ClaimType)]
    secrets = [HolderSecret(bytes([kind] * 16), Secret(random_bytes(kind, 32)), kind) for kind in list(HolderType)[1:]]
    credentials = [office.issue(cti=each.cti, holder=each, purposes=["a", "b"]) for each in secrets]
    credentials.append(office.issue(purposes=["a"]))
    lists = [office.status_list(*range(0, 131_072, 1000)), office.status_list(5, now=NOW - timedelta(days=1))]
    unread = (CredentialMalformed, CredentialAlgorithm, CredentialIssuerUnknown, CredentialForged)
    list_header = cbor({1: -8, 4: key_id(office.signer.public), 16: "application/statuslist+cwt"})

    def in_a_seal(data: bytes) -> bytes:
        with patch.object(Template, "__bytes__", lambda _: data or bytes(1)):
            sealed = records[0].seal()
        return bytes(sealed.open(claim=records[0].claim, keys=records[0].keys, shred=records[0].shred))

    def sealed(data: bytes) -> bytes:
        parsed = SealedTemplate.parse(data)
        record = next((each for each in records if each.claim.record_id == parsed.record_id), records[0])
        record.open(data)
        return bytes(parsed)

    def credential(data: bytes) -> bytes:
        read = FaceCredential.read(data, issuers=[office.issuer])
        holder = next((each for each in secrets if each.cti == read.cti), None)
        read.check(issuers=[office.issuer], status_lists=[office.status_list()], purpose="a", now=NOW)
        read.open(verifier_keys=office.verifier_keys, holder=holder)
        return read.data

    def status_list(data: bytes) -> bytes:
        StatusList.read(data, issuer=office.issuer).revoked(131_071)
        return data

    def claims(data: bytes) -> bytes:
        return payload_of(credential(office.sign(data)))

    def list_claims(data: bytes) -> bytes:
        return payload_of(status_list(office.sign(data, protected=list_header)))

    def credential_text(data: bytes) -> bytes:
        return FaceCredential.from_text(text(data), issuers=[office.issuer]).text().encode()

    claim_texts = [claim(number, kind).text().encode() for number, kind in enumerate(ClaimType)]
    holder_texts = [each.text().encode() for each in secrets]
    templates = [bytes(template(0)), bytes(template(1, dimension=4)), bytes(template(2, dimension=512))]
    issuers = [office.issuer, Issuer("Bürgeramt", "", (random_bytes(1, 32), random_bytes(2, 32)))]
    return {
        "template": Target(templates, lambda data: bytes(Template.parse(data)), (TemplateMalformed,)),
        "template in a seal": Target(templates, in_a_seal, (TemplateMalformed, SealMalformed)),
        "sealed template": Target(
            [bytes(each.sealed) for each in records], sealed, (SealMalformed, SealBroken, ClaimRefused, KeyUnusable)
        ),
        "claim": Target(claim_texts, lambda data: Claim.parse(text(data)).text().encode(), (ClaimMalformed,)),
        "holder's secret": Target(
            holder_texts, lambda data: HolderSecret.parse(text(data)).text().encode(), (HolderSecretMalformed,)
        ),
        "credential": Target([each.data for each in credentials], credential, unread),
        "credential's text": Target([each.text().encode() for each in credentials], credential_text, unread),
        "credential's claims": Target([payload_of(each.data) for each in credentials], claims, (CredentialError,)),
        "status list": Target(lists, status_list, (StatusListMalformed, StatusListForged)),
        "status list's claims": Target([payload_of(each) for each in lists], list_claims, (StatusListMalformed,)),
        "issuer": Target(
            [each.to_json().encode() for each in issuers],
            lambda data: Issuer.from_json(text(data)).to_json().encode(),
            (CredentialMalformed,),
        ),
    }[name]


SIGNED_OR_SEALED = ("sealed template", "credential", "credential's text", "status list")


@pytest.mark.parametrize("name", [pytest.param(each, marks=pytest.mark.soak) if LONG else each for each in TARGETS])
def test_damaged_inputs_are_refused_by_name_or_are_what_would_be_written(office: Office, name: str) -> None:
    it = target(name, office)
    counts: Counter[str] = Counter()
    failures = []
    for how, data in mutated(name, it.sources, MUTATIONS, -(-COUNT // len(TARGETS)), seed=SEED):
        try:
            written = it.take(data)
        except it.refusals as error:
            counts[type(error).__name__] += 1
        except Exception as error:  # noqa: BLE001 - reported below
            failures.append(f"{how}: {type(error).__name__}: {error}: {data.hex()}")
        else:
            counts["read"] += 1
            if written != data or (name in SIGNED_OR_SEALED and data not in it.sources):
                failures.append(f"{how}: read: {data.hex()}")
    print(f"\n{name}: {dict(counts)}")  # noqa: T201
    assert failures == []
    assert counts.total() > counts["read"]


@pytest.mark.parametrize("name", TARGETS)
def test_the_mutations_are_seeded_and_the_sources_sound(office: Office, name: str) -> None:
    it = target(name, office)
    once, again = (list(mutated(name, it.sources, MUTATIONS, 30, seed=SEED)) for _ in range(2))
    assert once == again
    for source in it.sources:
        assert it.take(source) == source
