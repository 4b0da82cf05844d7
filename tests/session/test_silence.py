"""Nothing biometric and nothing secret is said: not by a value that is shown, not in a log, not by an error."""

import base64
import logging
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.session import NOBODY, Person, Prepared, another_claim, begin, log, older_model, renew, subject_id, verify
from tests.session.conftest import MakeVault
from tests.session.test_credentials import issuing, show, trust
from visavis.errors import (
    ClaimMalformed,
    ClaimRefused,
    CredentialMalformed,
    HolderSecretWrong,
    ImageError,
    ModelMismatch,
    RateLimited,
    SealBroken,
    StoreUnusable,
    VisavisError,
)
from visavis.session import (
    AttemptLimits,
    Head,
    Models,
    PasskeyClaim,
    Probe,
    Stored,
    erase_subject,
    export_subject,
    issue_credential,
    revoke_credential,
    sweep,
    withdraw_consent,
)
from visavis.template import KEY_KINDS, FileKeys, HolderSecret, SealedTemplate, Secret, base45

ANNA, BELA = Person(1), Person(2)


@dataclass
class Secrets:
    """What must not be said, in every form in which it could be."""

    data: dict[str, bytes] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    numbers: set[str] = field(default_factory=set)

    def add(self, name: str, data: bytes) -> None:
        self.data[name] = bytes(data)

    def add_face(self, photo: bytes) -> None:
        vector = np.frombuffer(photo[7:], np.float32)
        self.add("embedding", vector.tobytes())
        self.numbers |= {f"{abs(value):.6f}"[1:] for value in vector.tolist() if abs(value) > 0.01}

    def forms(self) -> Iterator[tuple[str, str]]:
        for name, data in self.data.items():
            for at in range(0, len(data) - 8, 4):
                part = data[at : at + 8]
                yield f"{name} in hex", part.hex()
                yield f"{name} as bytes", repr(part)[2:-1]
                yield f"{name} as numbers", ", ".join(map(str, part))
            for shift in range(3):
                whole = data[shift:]
                whole = whole[: len(whole) // 3 * 3]
                yield f"{name} in Base64", base64.b64encode(whole).decode()[:24]
                yield f"{name} in URL-safe Base64", base64.urlsafe_b64encode(whole).decode()[:24]
            for shift in range(2):
                yield f"{name} in Base45", base45.encode("", data[shift:])[:24]
        for name, text in self.texts.items():
            for at in range(4, len(text) - 16, 8):
                yield name, text[at : at + 16]

    def said_in(self, told: str) -> list[str]:
        """What of it is said."""
        lower = told.lower()
        found = [name for name, form in self.forms() if form in told or form.lower() in lower]
        return found + [f"the number {number}" for number in self.numbers if number in told]


def test_it_would_be_noticed() -> None:
    """A test that finds nothing must be able to find something."""
    secrets = Secrets()
    secret = bytes(range(100, 132))
    secrets.add("claim", secret)
    secrets.texts["claim's text"] = "VC1:" + base45.encode("", secret)
    for told in (
        f"key={secret.hex()}",
        f"key={secret.hex().upper()}",
        f"{secret!r}",
        f"{list(secret)}",
        base64.b64encode(b"xy" + secret).decode(),
        base64.urlsafe_b64encode(secret).decode(),
        f"claim VC1:{base45.encode('', secret)} refused",
    ):
        assert secrets.said_in(told), told
    assert secrets.said_in("nothing of that") == []


@dataclass
class Told:
    """Everything that was said."""

    words: list[str] = field(default_factory=list)

    def value(self, *values: object) -> None:
        for value in values:
            self.words += [repr(value), str(value), f"{value}"]

    def error(self, kind: type[VisavisError], act: Callable[[], object]) -> None:
        with pytest.raises(kind) as refusal:
            act()
        error = refusal.value
        self.words += traceback.format_exception(error)
        self.words += [repr(error), str(error), repr(error.args), repr(vars(error))]


@pytest.fixture
def noisy(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Every logger says all it can, SQLAlchemy's included, which speaks of each statement."""
    for name in ("", "sqlalchemy", "sqlalchemy.engine", "sqlalchemy.pool", "alembic"):
        caplog.set_level(logging.DEBUG, logger=name or None)
    return caplog


@pytest.mark.parametrize("kind", ["memory", "sqlite", "postgresql"])
def test_nothing_secret_is_said_from_enrolment_to_erasure(
    kind: str,
    noisy: pytest.LogCaptureFixture,
    make_vault: MakeVault,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    vault = make_vault(kind)
    keys = vault.keys
    assert isinstance(keys, FileKeys)
    secrets, told = Secrets(), Told()
    shreds: dict[bytes, bytes] = {}
    seal = SealedTemplate.seal

    def sealing(template: Any, **how: Any) -> SealedTemplate:
        secrets.add(f"template {len(secrets.data)}", bytes(template))
        shreds[how["claim"].record_id] = bytes(how["shred"].view)
        return seal(template, **how)

    monkeypatch.setattr(SealedTemplate, "seal", sealing)
    for number in range(20):
        secrets.add_face(ANNA.photo(number))
    secrets.add_face(BELA.photo())
    for key in KEY_KINDS:
        secrets.add(f"{key} key", bytes(keys.key(key, 1).view))

    # enrolment
    with begin(vault, verifier=older_model(), renewal=True) as enrolment:
        told.value(enrolment, enrolment.consent, enrolment.subject)
        for photo in (NOBODY, ANNA.photo(), ANNA.photo(1), BELA.photo()):
            told.value(enrolment.capture(photo))
        told.error(ImageError, lambda: enrolment.capture(b""))
        claim = enrolment.finish()
    passkey = PasskeyClaim(Secret.random(), bytes(range(1, 17)))
    secrets.add("passkey", bytes(passkey.secret.view))
    with begin(vault, "bela") as enrolment:
        enrolment.capture(BELA.photo())
        told.value(passkey, enrolment)
        others = enrolment.finish(passkey=passkey)
    told.value(claim, claim.secret, vault, keys, vault.store, vault.shreds)
    secrets.add("claim", bytes(claim.secret.view))
    secrets.texts["claim"] = claim.text()
    secrets.texts["passkey's claim"] = others.text()

    # what is stored
    with vault.store.reading() as tx:
        stored = tx.references.find(claim.record_id, now=vault.clock())
        assert isinstance(stored, Stored)
        told.value(stored, stored.reference, tx)
    with vault.shreds.get(claim.record_id) as shred:
        sealed = SealedTemplate.parse(stored.sealed)
        with sealed.open(claim=claim, keys=keys, shred=shred) as template:
            told.value(sealed, template, template.embedding(older_model().card.sha256), shred)
            told.value(template.embedding(older_model().card.sha256))
            secrets.add("template", bytes(template))

    # verification
    both = Models(Prepared(), [older_model()])
    probe = Probe([ANNA.photo(3)])
    told.value(probe, both, probe.acquired(both.current, begin(vault, "x")._verifier.policy_for("1e-4")))
    for photo in (BELA.photo(), NOBODY, ANNA.photo(4)):
        verification = verify(vault, claim, photo, models=both)
        told.value(verification, verification.decision, verification.decision.comparison)
    told.error(ClaimMalformed, lambda: verify(vault, claim.text()[:-1], ANNA.photo()))
    told.error(ClaimMalformed, lambda: verify(vault, claim.text().lower(), ANNA.photo()))
    told.error(ClaimRefused, lambda: verify(vault, claim, ANNA.photo(), purpose="payment"))
    told.error(ClaimRefused, lambda: verify(vault, another_claim(claim.record_id), ANNA.photo()))
    told.error(ImageError, lambda: verify(vault, claim, b""))
    told.error(ModelMismatch, lambda: verify(vault, claim, ANNA.photo(), models=Models(older_model("1"))))
    limits = AttemptLimits(openings_per_minute=0)
    told.error(RateLimited, lambda: verify(vault, claim, ANNA.photo(), limits=limits))
    keys.rotate("operator")
    secrets.add("newest key", bytes(keys.key("operator", 2).view))
    told.value(verify(vault, claim, ANNA.photo(5)))
    renewed = renew(vault, claim, ANNA.photo(6))
    assert renewed is not None
    told.value(renewed)
    secrets.add("renewed claim", bytes(renewed.secret.view))
    secrets.texts["renewed claim"] = renewed.text()
    with vault.store.writing() as tx:
        data = tx.references.sealed(renewed.record_id) or b""
        tx.references.reseal(renewed.record_id, old=data, new=data[:-1] + bytes([data[-1] ^ 1]), at=vault.clock())
    told.error(SealBroken, lambda: verify(vault, renewed, ANNA.photo()))

    # credentials
    office = issuing(keys)
    told.value(office)
    with begin(vault, purpose="card") as enrolment:
        enrolment.capture(ANNA.photo(7))
        credential, holder = issue_credential(
            vault, enrolment, office, valid_for=enrolment.consent.ends_at - vault.clock()
        )
    assert holder is not None
    secrets.add("holder's secret", bytes(holder.secret.view))
    secrets.texts["holder's secret"] = holder.text()
    secrets.texts["credential"] = credential.text()
    told.value(credential, holder)
    trusted = trust(vault, office, keys)
    told.value(trusted, show(vault, trusted, credential, holder, purpose="card", log=vault.store))
    wrong = HolderSecret(credential.cti, Secret.random())
    told.error(HolderSecretWrong, lambda: show(vault, trusted, credential, wrong, purpose="card"))
    told.error(CredentialMalformed, lambda: show(vault, trusted, credential.text()[:-3], holder, purpose="card"))
    told.value(revoke_credential(vault, credential.cti))

    # the end
    told.value(export_subject(vault, subject_id(vault))["audit"])
    if kind != "memory":
        told.error(StoreUnusable, lambda: vault.shreds.put(others.record_id, Secret(shreds[others.record_id])))
    withdraw_consent(vault, subject_id(vault, "bela"), "door")
    receipt = erase_subject(vault, subject_id(vault))
    told.value(receipt, receipt.to_dict(), sweep(vault))
    with vault.store.reading() as tx:
        told.value(Head.sign(*tx.audit.tip(), signer=vault.audit_signer, at=vault.clock()))
        told.value(*tx.audit.entries())
    told.value(log(vault))

    for record_id, value in shreds.items():
        secrets.add(f"shred of {record_id.hex()}", value)
    written = capfd.readouterr()
    records = [record.getMessage() for record in noisy.records]
    assert kind == "memory" or any("INSERT INTO sealed_references" in each for each in records)
    assert len(told.words) > 200
    assert len(secrets.data) > 15
    assert len(secrets.numbers) > 1000
    for words in (told.words, records, [noisy.text], [written.out, written.err]):
        assert secrets.said_in("\n".join(words)) == []
