"""What `visavis verify` does where the reference is no photo: a record that a claim opens, or a face credential."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visavis.cli.common import read_text
from visavis.cli.credential import own_issuer
from visavis.cli.installation import Opened, opened, read_code
from visavis.errors import InputInvalid

if TYPE_CHECKING:
    from visavis.decision import Decision
    from visavis.session import Models, Trust


@dataclass(frozen=True, slots=True)
class Against:
    """The options that name the reference; files all of them.

    claim: of an enrolled reference, whose subject must be called `subject` where that is given. credential, holder: a face
    credential and its holder's secret; issuers, status_lists and verifier_keys are the folder's own where none are named.
    """

    claim: str | None
    credential: str | None
    holder: str | None
    subject: str | None
    purpose: str
    issuers: tuple[Path, ...]
    status_lists: tuple[Path, ...]
    verifier_keys: tuple[Path, ...]
    folder: Path | None

    def verify(self, models: "Models", frames: Sequence[bytes], policy: str) -> tuple["Decision", dict[str, Any]]:
        """The decision, and what a program is told besides."""
        if self.claim is not None:
            return self._by_claim(models, frames, policy, self.claim)
        assert self.credential is not None  # noqa: S101 - one of the two is given
        return self._by_credential(models, frames, policy, self.credential)

    def _by_claim(
        self, models: "Models", frames: Sequence[bytes], policy: str, claim: str
    ) -> tuple["Decision", dict[str, Any]]:
        from visavis.session import Expected, Probe, verify_claim
        from visavis.template import CLAIM_PREFIX

        text = read_code(claim, CLAIM_PREFIX, "claim")
        with opened(self.folder) as place:
            subject_id = None
            if self.subject is not None:
                with place.vault.store.reading() as tx:
                    named = tx.subjects.named(self.subject)
                subject_id = "" if named is None else named.id  # nobody's, so that it is refused as another's claim is
            found = verify_claim(
                place.vault,
                models,
                claim=text,
                probe=Probe(frames),
                policy=policy,
                expected=Expected(self.purpose, subject_id),
            )
        return found.decision, {"subject": found.subject_id, "resealed": found.resealed}

    def _by_credential(
        self, models: "Models", frames: Sequence[bytes], policy: str, credential: str
    ) -> tuple["Decision", dict[str, Any]]:
        from visavis.session import Probe, verify_credential
        from visavis.template import CREDENTIAL_PREFIX, HOLDER_PREFIX

        text = read_code(credential, CREDENTIAL_PREFIX, "credential")
        holder = None if self.holder is None else read_code(self.holder, HOLDER_PREFIX, "holder's secret")
        offline = bool(self.issuers and self.status_lists and self.verifier_keys)
        with nullcontext() if offline else opened(self.folder) as place:
            read, decision = verify_credential(
                models,
                credential=text,
                holder=holder,
                probe=Probe(frames),
                policy=policy,
                purpose=self.purpose,
                trust=self._trust(place),
                now=datetime.now(UTC),
                log=None if place is None else place.vault.store,
            )
        return decision, {"credential": read.cti.hex(), "issuer": read.issuer}

    def _trust(self, place: Opened | None) -> "Trust":
        """What was named, and the installation's own for what was not."""
        from visavis.session import Trust

        named = named_trust(self.issuers, self.status_lists, self.verifier_keys)
        if place is None:
            return named
        own = place.installation.status_list_file
        return Trust(
            named.issuers or [own_issuer(place)],
            named.status_lists or [_bytes(path) for path in (own,) if path.exists()],
            named.verifier_keys or place.keys.verifier_keys(),
        )


def named_trust(issuers: Sequence[Path], status_lists: Sequence[Path], verifier_keys: Sequence[Path]) -> "Trust":
    """What the files say. Raises InputInvalid, KeyUnusable and what `Issuer.from_json` raises."""
    from visavis.session import Trust
    from visavis.template import Issuer, key_id, read_key

    return Trust(
        [Issuer.from_json(read_text(path)) for path in issuers],
        [_bytes(path) for path in status_lists],
        {key_id(key.view): key for key in map(read_key, verifier_keys)},
    )


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputInvalid(f"{path}: {error.strerror or error}") from error
