"""`visavis serve` and `visavis api-key`: the service over HTTP, and who may use it."""

from pathlib import Path

import click

from visavis.cli.common import engine_options, json_option, make_models, print_json
from visavis.cli.installation import folder_option, opened
from visavis.errors import ExtraMissing, InputInvalid

SCOPES = ("verification_sessions", "verification_reports", "comparisons", "subjects")


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="Port to listen on.")
@click.option(
    "--base-url",
    help="Where clients reach the service: https://verify.example. It stands in links and signed answers.",
)
@folder_option
@engine_options
def serve(
    host: str,
    port: int,
    base_url: str | None,
    folder: Path | None,
    engine: str | None,
    threads: int | None,
    model: Path | None,
) -> int:
    """Serve the installation over HTTP, until it is told to stop.

    Put a proxy with TLS before it. Exit code: 0 stopped, 3 fault or wrong use.
    """
    try:
        import uvicorn

        from visavis.api import Service, make_app
        from visavis.api.log import configured
        from visavis.api.service import Room
    except ModuleNotFoundError as error:
        raise ExtraMissing("the service needs `pip install visavis[service]`") from error
    from visavis.session import Desk

    reached = (base_url or f"http://{host}:{port}").rstrip("/")
    if not reached.startswith(("https://", "http://")):
        raise InputInvalid(f"expected --base-url as https://verify.example, not {reached!r}")
    with opened(folder) as place, make_models(engine, threads, model) as models:
        models.current.policy_for("1e-4")  # a model without a calibration table is told now
        desk = Desk(place.vault, models, reached, place.keys.signer("report"))
        room = Room(8 * models.current.threads)
        service = Service(desk, reached, room, lambda: place.keys.public_keys("report"))
        uvicorn.run(
            make_app(service),
            host=host,
            port=port,
            log_config=configured(),
            access_log=False,
            server_header=False,
            timeout_keep_alive=10,
            timeout_graceful_shutdown=20,
            h11_max_incomplete_event_size=16_384,
            limit_concurrency=1000,
        )
    return 0


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
