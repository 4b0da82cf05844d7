"""The vectors, and the program that made them: it shares no code with visavis and reads what visavis writes."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.template.material import NOW, HeldKeys, Office, embedding, template
from tests.vectors import make_vectors as independent
from visavis.errors import ClaimMalformed, HolderSecretMalformed, SealMalformed, TemplateMalformed
from visavis.session import Entry, Event, Head, verify_log
from visavis.template import (
    STATUS_BITS,
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
    base45,
    cose,
    key_id,
)
from visavis.template.keys import FileSigner

DOCUMENT = json.loads(Path(independent.__file__).with_name("formats.json").read_text(encoding="ascii"))
raw = bytes.fromhex

UNICODE = st.characters(exclude_categories=["Cs"])
KEY = st.binary(min_size=32, max_size=32)
ID = st.binary(min_size=16, max_size=16)


@contextmanager
def nonce(value: bytes) -> Iterator[None]:
    """Seal and encrypt with this nonce."""
    with patch("secrets.token_bytes", lambda length: value[:length]):
        yield


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def vectors(kind: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", DOCUMENT[kind], ids=range(len(DOCUMENT[kind])))


class TestVectors:
    def test_the_file_is_what_the_program_writes(self) -> None:
        """But for compressed bytes, which differ between builds of zlib."""
        made = json.loads(json.dumps(independent.make_document(), default=bytes.hex))
        independent.check_document(DOCUMENT)
        for document in (made, stored := json.loads(json.dumps(DOCUMENT))):
            for status_list in document["status_lists"]:
                del status_list["bytes"]
        assert made == stored

    @vectors("templates")
    def test_templates(self, vector: dict[str, Any]) -> None:
        found = Template.parse(raw(vector["bytes"]))
        assert found.vector.tobytes() == raw(vector["vector"])
        assert (found.model, found.scale) == (raw(vector["model"]), vector["scale"])
        assert (found.quality, len(found.vector)) == (vector["quality"], vector["dimension"])
        made = Template(
            np.frombuffer(raw(vector["vector"]), np.int8).copy(),
            vector["scale"],
            raw(vector["model"]),
            vector["quality"],
        )
        assert bytes(made) == raw(vector["bytes"])

    @vectors("sealed")
    def test_sealed_templates(self, vector: dict[str, Any]) -> None:
        keys = HeldKeys({vector["operator_key_version"]: raw(vector["operator_key"])})
        shred, reference = Secret(raw(vector["shred"])), Template.parse(raw(vector["template"]))
        claim = Claim.parse(vector["claim_text"])
        assert claim.text() == vector["claim_text"]
        assert (claim.record_id, claim.type) == (raw(vector["record_id"]), vector["claim_type"])
        assert claim.secret == Secret(raw(vector["claim"]))
        sealed = SealedTemplate.parse(raw(vector["sealed"]))
        assert (sealed.record_id, sealed.claim_salt) == (claim.record_id, raw(vector["claim_salt"]))
        assert (sealed.claim_type, sealed.key_version) == (claim.type, vector["operator_key_version"])
        assert (sealed.commitment, sealed.nonce) == (raw(vector["commitment"]), raw(vector["nonce"]))
        assert bytes(sealed.open(claim=claim, keys=keys, shred=shred)) == raw(vector["template"])
        with nonce(sealed.nonce):
            again = SealedTemplate.seal(
                reference, claim=claim, keys=keys, shred=shred, claim_salt=raw(vector["claim_salt"])
            )
        assert bytes(again) == raw(vector["sealed"])

    @vectors("credentials")
    def test_credentials(self, vector: dict[str, Any]) -> None:
        signer = FileSigner(Secret(raw(vector["issuer_seed"])))
        assert signer.public == raw(vector["issuer_public"])
        issuers = [Issuer(vector["issuer"], "", (signer.public,))]
        verifier_key, cti = Secret(raw(vector["verifier_key"])), raw(vector["cti"])
        holder = None
        if vector["holder_type"]:
            holder = HolderSecret.parse(vector["holder_secret_text"])
            assert holder.text() == vector["holder_secret_text"]
            assert (holder.cti, holder.type) == (cti, vector["holder_type"])
            assert holder.secret == Secret(raw(vector["holder_secret"]))
        found = FaceCredential.from_text(vector["text"], issuers=issuers)
        assert found == FaceCredential.read(raw(vector["credential"]), issuers=issuers)
        assert (found.data, found.text()) == (raw(vector["credential"]), vector["text"])
        assert (found.issuer, found.cti, found.index) == (vector["issuer"], cti, vector["index"])
        assert (found.purposes, found.holder) == (tuple(vector["purposes"]), vector["holder_type"])
        assert (found.issued_at, found.expires_at) == (moment(vector["issued_at"]), moment(vector["expires_at"]))
        assert found.verifier_key_id == key_id(verifier_key.view)
        opened = found.open(verifier_keys={key_id(verifier_key.view): verifier_key}, holder=holder)
        assert bytes(opened) == raw(vector["template"])
        with nonce(raw(vector["nonce"])):
            again = FaceCredential.issue(
                opened,
                issuer=vector["issuer"],
                signer=signer,
                verifier_key=verifier_key,
                index=vector["index"],
                purposes=vector["purposes"][::-1],
                issued_at=moment(vector["issued_at"]),
                expires_at=moment(vector["expires_at"]),
                holder=holder,
                cti=cti,
            )
        assert again == found

    @vectors("status_lists")
    def test_status_lists(self, vector: dict[str, Any]) -> None:
        issuer = Issuer(vector["issuer"], vector["address"], (raw(vector["issuer_public"]),))
        found = StatusList.read(raw(vector["bytes"]), issuer=issuer)
        assert (found.issuer, found.address) == (vector["issuer"], vector["address"])
        assert found.issued_at == moment(vector["issued_at"])
        assert [index for index in range(STATUS_BITS) if found.revoked(index)] == vector["revoked"]
        signer = FileSigner(Secret(raw(vector["issuer_seed"])))
        again = StatusList.make(issuer, vector["revoked"], signer=signer, now=found.issued_at)
        assert StatusList.read(again, issuer=issuer) == found

    @vectors("key_ids")
    def test_key_ids(self, vector: dict[str, Any]) -> None:
        assert key_id(raw(vector["key"])) == raw(vector["key_id"])

    def test_the_audit_log(self) -> None:
        audit = DOCUMENT["audit"]
        entries = [
            Entry(number, each["line"], raw(each["hash"])) for number, each in enumerate(audit["entries"], start=1)
        ]
        signer = FileSigner(Secret(raw(audit["head_seed"])))
        head = Head.from_line(audit["head"])
        assert (head.number, head.hash, head.key) == (len(entries), entries[-1].hash, signer.public)
        verdict = verify_log(entries, heads=[head], keys=[signer.public])
        assert (verdict.entries, verdict.proven) == (len(entries), len(entries))


class TestIndependentReader:
    """What visavis writes, read by the other program."""

    @given(seed=st.integers(0, 10**6), dimension=st.integers(16, 600), frames=st.integers(1, 4))
    def test_templates(self, seed: int, dimension: int, frames: int) -> None:
        reference = Template.of(
            [embedding(seed, dimension=dimension, spread=0.4, frame=frame) for frame in range(frames)]
        )
        fields = independent.read_template(bytes(reference))
        assert fields == {
            "version": 1,
            "model": reference.model,
            "dimension": dimension,
            "scale": reference.scale,
            "quality": reference.quality,
            "vector": reference.vector.tobytes(),
        }

    @given(data=st.binary(max_size=300))
    def test_base45(self, data: bytes) -> None:
        assert independent.unbase45(base45.encode("", data)) == data
        assert base45.decode("", independent.base45(data)) == data

    @given(identifier=ID, secret=KEY, kind=st.sampled_from([1, 2]))
    def test_what_subjects_carry(self, identifier: bytes, secret: bytes, kind: int) -> None:
        claim = Claim(identifier, Secret(secret), ClaimType(kind)).text()
        assert independent.claim_of_text(claim) == (identifier, secret, kind)
        holder = HolderSecret(identifier, Secret(secret), HolderType(kind)).text()
        assert independent.holder_of_text(holder) == (identifier, secret, kind)

    @given(
        seed=st.integers(0, 1000), dimension=st.integers(1, 300), kind=st.sampled_from(ClaimType), record_id=ID, secret=KEY,
        salt=ID.filter(any), shred=KEY, operator_key=KEY, version=st.integers(1, 2**32 - 1),
    )  # fmt: skip
    def test_sealed_templates(
        self, seed: int, dimension: int, kind: ClaimType, record_id: bytes, secret: bytes, salt: bytes, shred: bytes,
        operator_key: bytes, version: int,
    ) -> None:  # fmt: skip
        reference = template(seed, dimension=dimension)
        sealed = SealedTemplate.seal(
            reference,
            claim=Claim(record_id, Secret(secret), kind),
            keys=HeldKeys({version: operator_key}),
            shred=Secret(shred),
            claim_salt=salt if kind is ClaimType.PASSKEY else bytes(16),
        )
        opened = independent.open_sealed(bytes(sealed), claim=secret, operator_key=operator_key, shred=shred)
        assert opened == bytes(reference)

    @given(
        name=st.text(UNICODE, min_size=1, max_size=255),
        purposes=st.sets(st.text(UNICODE, min_size=1, max_size=64), min_size=1, max_size=8),
        index=st.integers(0, STATUS_BITS - 1), issued=st.integers(0, 253402300798), life=st.integers(1, 10**9),
        kind=st.sampled_from(HolderType), cti=ID, secret=KEY, verifier_key=KEY, issuer_seed=KEY, seed=st.integers(0, 1000),
    )  # fmt: skip
    def test_credentials(
        self, name: str, purposes: set[str], index: int, issued: int, life: int, kind: HolderType, cti: bytes,
        secret: bytes, verifier_key: bytes, issuer_seed: bytes, seed: int,
    ) -> None:  # fmt: skip
        signer, reference = FileSigner(Secret(issuer_seed)), template(seed)
        expires = min(issued + life, 253402300799)
        credential = FaceCredential.issue(
            reference,
            issuer=name,
            signer=signer,
            verifier_key=Secret(verifier_key),
            index=index,
            purposes=list(purposes),
            issued_at=moment(issued),
            expires_at=moment(expires),
            holder=None if kind is HolderType.NONE else HolderSecret(cti, Secret(secret), kind),
            cti=cti,
        )
        data = independent.credential_of_text(credential.text())
        assert data == credential.data
        claims, opened = independent.open_credential(
            data,
            issuer_public=signer.public,
            verifier_key=verifier_key,
            holder_secret=secret if kind else None,
        )
        assert opened == bytes(reference)
        assert claims == {
            1: name, 4: expires, 6: issued, 7: cti, -65537: index, -65538: sorted(purposes), -65540: int(kind),
        }  # fmt: skip

    @pytest.mark.parametrize(
        "revoked", [set(), {0}, {STATUS_BITS - 1}, set(range(0, STATUS_BITS, 3)), set(range(STATUS_BITS))], ids=len
    )
    def test_status_lists(self, office: Office, revoked: set[int]) -> None:
        issuer = replace(office.issuer, name="Bürgeramt Köln")
        data = StatusList.make(issuer, revoked, signer=office.signer, now=NOW)
        claims, found = independent.read_status_list(data, issuer_public=office.signer.public)
        assert found == revoked
        assert claims == {1: "Bürgeramt Köln", 2: issuer.status_list, 6: int(NOW.timestamp())}

    @given(
        value=st.recursive(
            st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=30) | st.text(UNICODE, max_size=30),
            lambda inner: (
                st.lists(inner, max_size=5)
                | st.dictionaries(st.integers(0, 2**64 - 1), inner, max_size=5)
                | st.dictionaries(st.text(UNICODE, max_size=5), inner, max_size=5)
            ),
            max_leaves=10,
        )
    )
    def test_cbor(self, value: Any) -> None:
        assert cose.encode(value) == independent.encode(value)
        assert cose.decode(independent.encode(value)) == value

    @given(
        events=st.lists(
            st.tuples(
                st.sampled_from(Event),
                st.dictionaries(
                    st.text(UNICODE, max_size=8),
                    st.none() | st.booleans() | st.integers() | st.text(UNICODE, max_size=20),
                    max_size=3,
                ),
            ),
            min_size=1,
            max_size=6,
        ),
        seed=KEY,
    )
    def test_the_audit_log(self, events: list[tuple[Event, dict[str, Any]]], seed: bytes) -> None:
        entries: list[Entry] = []
        for number, (event, details) in enumerate(events):
            previous = entries[-1].hash if entries else bytes(32)
            entries.append(Entry.after(number, previous, event, details, NOW + timedelta(seconds=number)))
        assert independent.chain([each.line for each in entries]) == [each.hash for each in entries]
        head = Head.sign(len(entries), entries[-1].hash, signer=FileSigner(Secret(seed)), at=NOW)
        assert independent.verify_head(head.to_line()) == (len(entries), entries[-1].hash)


class TestAgreement:
    """What one of the two reads, the other does too."""

    @staticmethod
    def reads(read: Any, *arguments: Any, **keywords: Any) -> bool:
        refusals = (ValueError, TemplateMalformed, SealMalformed, ClaimMalformed, HolderSecretMalformed)
        try:
            read(*arguments, **keywords)
        except refusals:
            return False
        return True

    @given(data=st.data())
    def test_on_templates(self, data: st.DataObject) -> None:
        changed = bytearray(data.draw(st.sampled_from([raw(each["bytes"]) for each in DOCUMENT["templates"]])))
        for _ in range(data.draw(st.integers(0, 3))):
            changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
        cut = bytes(changed[: len(changed) - data.draw(st.sampled_from([0, 0, 0, 1, 5]))])
        assert self.reads(Template.parse, cut) is self.reads(independent.read_template, cut)

    @given(text=st.text(independent.ALPHABET, max_size=9))
    def test_on_base45(self, text: str) -> None:
        assert self.reads(base45.decode, "", text) is self.reads(independent.unbase45, text)

    @given(
        place=st.integers(0, 77),
        character=st.sampled_from(independent.ALPHABET + "a"),
        cut=st.sampled_from([0, 0, 0, 1, 3]),
    )
    def test_on_what_subjects_carry(self, place: int, character: str, cut: int) -> None:
        for text, mine, theirs in (
            (DOCUMENT["sealed"][0]["claim_text"], Claim.parse, independent.claim_of_text),
            (DOCUMENT["credentials"][1]["holder_secret_text"], HolderSecret.parse, independent.holder_of_text),
        ):
            changed = (text[:place] + character + text[place + 1 :])[: 78 - cut]
            assert self.reads(mine, changed) is self.reads(theirs, changed)
