"""`visavis serve` and `visavis api-key`: the service over HTTP, and who may use it."""

import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import BoundedSemaphore
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from visavis.cli.against import named_trust
from visavis.cli.common import FILE, engine_options, json_option, make_models, make_passive, print_json
from visavis.cli.credential import own_issuer
from visavis.cli.evidence import read_public
from visavis.cli.installation import Opened, folder_option, opened
from visavis.cli.trust import FreshTrust
from visavis.errors import CredentialError, ExtraMissing, InputInvalid, StoreUnusable

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

    from visavis.decision import Decision
    from visavis.pad import PassiveModel
    from visavis.session import Desk, Documents, Models, Trust
    from visavis.template import FileKeys

SCOPES = (
    "verification_sessions",
    "verification_reports",
    "comparisons",
    "subjects",
    "enrolments",
    "credentials",
    "status_list",
    "webhook_endpoints",
    "events",
    "audit",
    "metrics",
)


_IN_HAND = 2
"""Photos in hand a thread: a third would make a batch faster by 6 %, and the server wait for Python."""


@dataclass(frozen=True, slots=True)
class Others:
    """Issuers besides the installation's own, as files."""

    issuers: tuple[Path, ...] = ()
    status_lists: tuple[Path, ...] = ()
    verifier_keys: tuple[Path, ...] = ()

    def trust(self, keys: "FileKeys") -> "Trust":
        """What the files say now. keys: the installation's own verifier keys are meant where none are named."""
        from visavis.session import Trust

        try:
            named = named_trust(self.issuers, self.status_lists, self.verifier_keys)
        except (CredentialError, InputInvalid) as error:
            raise StoreUnusable(str(error)) from error  # for the log, and not for who shows a credential
        return Trust(named.issuers, named.status_lists, named.verifier_keys or keys.verifier_keys())


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="Port to listen on.")
@click.option(
    "--database",
    metavar="URL",
    help="postgresql://user@host/name instead of SQLite in the folder. A password in it could be read by others: put that into "
    "VISAVIS_DATABASE, PGPASSFILE or PGPASSWORD.",
)
@click.option(
    "--allow-private-webhooks",
    is_flag=True,
    help="Send events to addresses of your own network too, and without TLS.",
)
@click.option(
    "--photos-waiting",
    type=click.IntRange(1, 10_000),
    help="So many requests with photos may be in work or wait; the next is turned away.  [default: 8 a thread]",
)
@click.option(
    "--captures",
    type=click.IntRange(1, 1_000),
    help="So many people may be captured live at a time; the next is turned away.  [default: 4 a thread]",
)
@click.option(
    "--page-origin",
    "page_origins",
    multiple=True,
    metavar="ORIGIN",
    help="Another site whose pages may capture here, such as https://bank.example; may be given several times.",
)
@click.option("--requests-per-minute", type=click.IntRange(1), default=3_000, show_default=True, help="Of one API key.")
@click.option(
    "--base-url",
    envvar="VISAVIS_BASE_URL",
    help="Where clients reach the service: https://verify.example. It stands in links and signed answers.  "
    "[env VISAVIS_BASE_URL]",
)
@click.option(
    "--evidence-key",
    "evidence_file",
    envvar="VISAVIS_EVIDENCE_KEY",
    type=FILE,
    metavar="FILE.pub",
    help="Keep photos where application and person agree to it, sealed for this key; `visavis evidence keygen` makes one.  "
    "[env VISAVIS_EVIDENCE_KEY]",
)
@click.option(
    "--issuer",
    "issuers",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="Another issuer whose credentials are trusted too.",
)
@click.option(
    "--status-list",
    "status_lists",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="Where that issuer's newest status list is put, at least once a day; it is read anew for each credential.",
)
@click.option(
    "--verifier-key",
    "verifier_keys",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="Verifier key that its credentials are made for.  [default: the installation's own]",
)
@click.option(
    "--pad-model",
    type=FILE,
    metavar="FILE",
    help="Manifest (TOML) of a model that looks at single frames of live captures, besides.  [env VISAVIS_PAD_MODEL]",
)
@click.option("--traces", is_flag=True, help="Send traces by OpenTelemetry, as the variables OTEL_EXPORTER_OTLP_… say.")
@folder_option
@engine_options
def serve(
    host: str,
    port: int,
    base_url: str | None,
    database: str | None,
    allow_private_webhooks: bool,
    photos_waiting: int | None,
    captures: int | None,
    page_origins: tuple[str, ...],
    requests_per_minute: int,
    evidence_file: Path | None,
    issuers: tuple[Path, ...],
    status_lists: tuple[Path, ...],
    verifier_keys: tuple[Path, ...],
    pad_model: Path | None,
    traces: bool,
    folder: Path | None,
    engine: str | None,
    threads: int | None,
    model: Path | None,
) -> int:
    """Serve the installation over HTTP, until it is told to stop.

    Put a proxy with TLS before it. Exit code: 0 stopped, 3 fault or wrong use.
    """
    try:
        from visavis.api import Service, server_of
        from visavis.api.courier import Courier
        from visavis.api.log import configured
        from visavis.api.metrics import Metrics
        from visavis.api.service import Rates, Room, Studio, origin_of
        from visavis.document import PageReader
        from visavis.session import Documents
    except ModuleNotFoundError as error:
        raise ExtraMissing("the service needs `pip install visavis[service]`") from error
    if base_url is None and host in ("0.0.0.0", "::"):  # noqa: S104 - it is not listened on here
        raise InputInvalid(f"behind {host} clients cannot tell where the service is: name it with --base-url")
    reached = (base_url or f"http://{host}:{port}").rstrip("/")
    if not reached.startswith(("https://", "http://")):
        raise InputInvalid(f"expected --base-url as https://verify.example, not {reached!r}")
    if database is not None and "@" in database and ":" in urlsplit(database).netloc.rpartition("@")[0]:
        raise InputInvalid(
            "a password on the command line can be read by others; put it into VISAVIS_DATABASE, or PGPASSFILE"
        )
    origins = frozenset(map(origin_of, page_origins))
    if not all(origin.startswith(("https://", "http://")) for origin in origins):
        raise InputInvalid("expected --page-origin as https://bank.example")
    evidence_key = None if evidence_file is None else read_public(evidence_file)
    others = Others(issuers, status_lists, verifier_keys)
    with opened(folder, database) as place, make_models(engine, threads, model, in_hand=_IN_HAND) as models:
        models.current.policy_for("1e-4")  # a model without a calibration table is told now
        passive = make_passive(models, pad_model)
        documents = Documents(
            PageReader(models.current.store),
            FreshTrust(place.installation.trust).current,
            BoundedSemaphore(max(1, models.current.threads // 2)),
        )
        metrics = Metrics()
        service = Service(
            make_desk(place, models, reached, metrics.decided, evidence_key, others, passive, documents),
            reached,
            Room(photos_waiting or 8 * models.current.threads),
            lambda: place.keys.public_keys("report"),
            Courier(place.vault, metrics, allow_private=allow_private_webhooks),
            metrics,
            studio=Studio(captures or 4 * models.current.threads, models.current.threads),
            page_origins=origins,
            rates=Rates(by_key=requests_per_minute),
            tracer=_tracer() if traces else None,
        )
        signal.signal(signal.SIGTERM, _stop)  # which the server raises again when it has stopped
        server_of(service, host=host, port=port, log_config=configured()).run()
    return 0


def _tracer() -> "Tracer":
    from visavis.api.tracing import exported

    try:
        return exported()
    except ModuleNotFoundError as error:
        raise ExtraMissing("traces need `pip install visavis[otel]`") from error


def _stop(*_: object) -> None:
    """End the process in order: what was opened is closed."""
    raise click.exceptions.Exit(0)


def make_desk(
    place: Opened,
    models: "Models",
    reached: str,
    decided: "Callable[[Decision], None]" = lambda _: None,
    evidence_key: bytes | None = None,
    others: Others | None = None,
    passive: "PassiveModel | None" = None,
    documents: "Documents | None" = None,
) -> "Desk":
    """What sessions are conducted with: where the installation has an issuer's name, with its own credentials too, and with those
    of the other issuers that are named."""
    from visavis.session import Desk, FreshStatusList, Issuing, Trust

    keys, others = place.keys, others or Others()
    others.trust(keys)  # what is wrong with it is told now
    issuing = fresh = None
    if place.installation.issuer:
        issuing = Issuing(own_issuer(place), keys.signer("issuer"), keys.key("verifier", keys.newest("verifier")))
        fresh = FreshStatusList(place.vault, issuing)

    def trust() -> Trust:
        named = others.trust(keys)
        if issuing is None or fresh is None:
            return named
        return Trust(
            [issuing.issuer, *named.issuers],
            [fresh.current(), *named.status_lists],
            {**keys.verifier_keys(), **named.verifier_keys},
        )

    return Desk(
        place.vault,
        models,
        reached,
        keys.signer("report"),
        trust=trust if issuing or others.issuers else None,
        issuing=issuing,
        status_list=None if fresh is None else fresh.current,
        evidence_key=evidence_key,
        passive=passive,
        documents=documents,
        decided=decided,
    )


@click.group("api-key")
def api_key() -> None:
    """Keys with which applications use the service.

    Exit codes of all: 0 done, 3 fault or wrong use.
    """


@api_key.command()
@click.argument("application")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(SCOPES),
    multiple=True,
    help="What it may do; may be given several times.  [default: all]",
)
@folder_option
@json_option
def create(application: str, scopes: tuple[str, ...], folder: Path | None, as_json: bool) -> int:
    """Make a key for APPLICATION, and print it this once."""
    from visavis.session import Scope, make_api_key

    with opened(folder) as place:
        key, text = make_api_key(place.vault, application=application, scopes=map(Scope, scopes or SCOPES))
    if as_json:
        print_json({"id": key.id, "application": application, "scopes": sorted(key.scopes), "key": text})
        return 0
    click.echo(text)
    click.echo(f"{key.id}: keep it where {application} keeps its secrets; it is not shown again", err=True)
    return 0


@api_key.command("list")
@folder_option
@json_option
def list_keys(folder: Path | None, as_json: bool) -> int:
    """Which keys there are, and when each was last used."""
    with opened(folder) as place, place.vault.store.reading() as tx:
        found = tx.api_keys.all()
    told = [
        {
            "id": key.id,
            "application": key.application,
            "scopes": sorted(key.scopes),
            "created_at": key.created_at.isoformat(),
            "last_used_at": None if key.last_used_at is None else key.last_used_at.isoformat(),
            "revoked_at": None if key.revoked_at is None else key.revoked_at.isoformat(),
        }
        for key in found
    ]
    if as_json:
        print_json(told)
        return 0
    for key in found:
        used = "never used" if key.last_used_at is None else f"last used {key.last_used_at:%Y-%m-%d %H:%M}"
        state = "" if key.revoked_at is None else f", revoked {key.revoked_at:%Y-%m-%d}"
        click.echo(f"{key.id}  {key.application}  {' '.join(sorted(key.scopes))}  {used}{state}")
    return 0


@api_key.command()
@click.argument("key_id")
@folder_option
def revoke(key_id: str, folder: Path | None) -> int:
    """Revoke the key with this id, at once and for good."""
    from visavis.session import revoke_api_key

    with opened(folder) as place:
        key = revoke_api_key(place.vault, key_id)
    click.echo(f"revoked {key.id} of {key.application}")
    return 0
