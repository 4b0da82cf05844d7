"""What `visavis verify` and `visavis capture` do where the reference is no photo: a record that a claim opens, or a face
credential."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from visavis.cli.common import FILE, read_text
from visavis.cli.credential import own_issuer
from visavis.cli.installation import Opened, folder_option, opened, purpose_option, read_code
from visavis.errors import InputInvalid

if TYPE_CHECKING:
    from visavis.decision import Decision
    from visavis.session import Models, Trust

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, repr=False)
class Codes:
    """The texts of the codes that were presented."""

    claim: str | None
    credential: str | None
    holder: str | None


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

    def read(self) -> Codes:
        """Read the files of codes. Raises what `read_code` does."""
        from visavis.template import CLAIM_PREFIX, CREDENTIAL_PREFIX, HOLDER_PREFIX

        def text(path: str | None, prefix: str, what: str) -> str | None:
            return None if path is None else read_code(path, prefix, what)

        return Codes(
            text(self.claim, CLAIM_PREFIX, "claim"),
            text(self.credential, CREDENTIAL_PREFIX, "credential"),
            text(self.holder, HOLDER_PREFIX, "holder's secret"),
        )

    def verify(
        self, models: "Models", codes: Codes, frames: Sequence[bytes], policy: str
    ) -> tuple["Decision", dict[str, Any]]:
        """The decision, and what a program is told besides."""
        if codes.claim is not None:
            return self._by_claim(models, frames, policy, codes.claim)
        assert codes.credential is not None  # noqa: S101 - one of the two is given
        return self._by_credential(models, frames, policy, codes.credential, codes.holder)

    def _by_claim(
        self, models: "Models", frames: Sequence[bytes], policy: str, text: str
    ) -> tuple["Decision", dict[str, Any]]:
        from visavis.session import Expected, Probe, verify_claim

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
        self, models: "Models", frames: Sequence[bytes], policy: str, text: str, holder: str | None
    ) -> tuple["Decision", dict[str, Any]]:
        from visavis.session import Probe, verify_credential

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


def against_options(command: Command) -> Command:
    """The options that name a claim or a credential and say what is expected of it, handed to the command as one `Against`; None
    where they name neither."""

    @wraps(command)
    def packed(*arguments: Any, **options: Any) -> Any:
        given = {name: options.pop(name) for name in Against.__slots__}
        return command(*arguments, against=_checked(given), **options)

    for option in (
        folder_option,
        click.option(
            "--verifier-key",
            "verifier_keys",
            type=FILE,
            multiple=True,
            metavar="FILE",
            help="Verifier key that credentials are made for.  [default: the folder's own]",
        ),
        click.option(
            "--status-list",
            "status_lists",
            type=FILE,
            multiple=True,
            metavar="FILE",
            help="Status list, not older than a day.  [default: the folder's own]",
        ),
        click.option(
            "--issuer",
            "issuers",
            type=FILE,
            multiple=True,
            metavar="FILE",
            help="Issuer whose credentials are trusted.  [default: the folder's own]",
        ),
        purpose_option,
        click.option(
            "--holder", metavar="FILE", help="The credential holder's secret: its text, or a photo of its code."
        ),
        click.option("--credential", metavar="FILE", help="Face credential: its text, or a photo of its code."),
        click.option("--subject", metavar="NAME", help="Whose claim it must be."),
        click.option(
            "--claim", metavar="FILE", help="Claim of an enrolled reference: its text, or a photo of its code."
        ),
    ):
        packed = option(packed)
    return cast("Command", packed)


def _checked(given: dict[str, Any]) -> Against | None:
    """Raises UsageError for what would not be checked."""
    by_claim, by_credential = ("subject",), ("holder", "issuers", "status_lists", "verifier_keys")
    claimed, credited = given["claim"] is not None, given["credential"] is not None
    unused = (() if claimed else by_claim) + (() if credited else by_credential)
    for name in unused:
        if given[name]:
            needed = "--claim" if name in by_claim else "--credential"
            option = f"--{name.removesuffix('s').replace('_', '-')}"
            raise click.UsageError(f"{option} says something only with {needed}; it would not be checked")
    source = click.get_current_context().get_parameter_source("purpose")
    if not claimed and not credited and source is not click.core.ParameterSource.DEFAULT:
        raise click.UsageError("--purpose says something only with --claim or --credential; it would not be checked")
    if claimed and credited:
        raise click.UsageError("give a claim or a credential, not both")
    return Against(**given) if claimed or credited else None


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
