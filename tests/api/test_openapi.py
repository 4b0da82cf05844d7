"""The OpenAPI document agrees with the code, and the service with the document."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from scripts import openapi

from tests.api import Running
from visavis.api import make_app
from visavis.api.service import Rates
from visavis.session import Vault

LONG = os.environ.get("VISAVIS_SOAK") == "1"
MANY = Rates(1_000_000, 1_000_000, 1_000_000, 1_000_000)


def test_the_document_is_that_of_this_code() -> None:
    assert openapi.DOCUMENT.read_text(encoding="utf-8") == openapi.text(), "python scripts/openapi.py writes it anew"


def test_every_operation_says_who_may_ask_and_what_may_go_wrong() -> None:
    for path, operations in openapi.document()["paths"].items():
        for method, operation in operations.items():
            assert operation["operationId"]
            assert operation.get("summary")
            assert operation["tags"]
            statuses = set(operation["responses"])
            assert {"422", "429", "500", "503"} <= statuses
            private = path.startswith(("/v1/", "/metrics"))
            assert ("401" in statuses) == private == ("security" in operation), path
            keys = [each for each in operation.get("parameters", ()) if "IdempotencyKey" in each.get("$ref", "")]
            once = method == "post" and not path.endswith(("/document", "/chip_challenge"))
            assert len(keys) == once, path


def test_names_of_operations_are_one_of_a_kind(server: Running) -> None:
    document = make_app(server.service).openapi()
    names = [each["operationId"] for operations in document["paths"].values() for each in operations.values()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("whose", ["application", "client"])
def test_nothing_that_the_document_allows_or_forbids_brings_it_down(
    whose: str, serve: Callable[..., Running], vault: Vault, api_key: str, tmp_path: Path
) -> None:
    """No 5xx, no status that is not documented, no answer of another shape.

    Not asked is that every request of the right form is accepted: that a photo shows a face no form says.
    """
    from tests.api.test_enrolments import asked

    server = serve(rates=MANY)
    token, chosen = api_key, ["--exclude-path-regex", "^/v1/capture"]
    if whose == "client":
        with server.client(api_key) as shop:
            enrolment = asked(shop)
        document = openapi.text().replace("{session_id}", enrolment["id"])
        token, chosen = enrolment["client_secret"], ["--include-path-regex", "^/v1/capture"]
    else:
        document = openapi.text()
    file = tmp_path / "openapi.json"
    file.write_text(document, encoding="utf-8")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", str(file), "--url", server.url, "--no-color"),
            *("-H", f"Authorization: Bearer {token}", "--checks", "all"),
            *("--exclude-checks", "positive_data_acceptance,ignored_auth"),
            *("--max-examples", "200" if LONG else "4", "--seed", "7", "--generation-database", ":memory:"),
            *("--phases", "examples,coverage,fuzzing,stateful" if LONG else "examples,fuzzing"),
            *chosen,
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
