"""What the client's values show of themselves, and what it brings along."""

import dataclasses
import inspect
import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

import visavis.client
from tests.client import Waiting
from visavis.client import (
    AsyncVisavis,
    Capture,
    Code,
    Decision,
    Enrolled,
    Enrolment,
    NewWebhookEndpoint,
    OpenedSession,
    Reasons,
    Report,
    ServiceError,
    VerificationSession,
    Visavis,
    VisavisError,
    Webhooks,
)
from visavis.client.reading import Unreadable, read
from visavis.client.request import Request

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HIDDEN = "hidden-from-view"
DECISION = Decision(
    "match", Reasons((), (), ()), "1e-4", 1e-4, 0.25, "not_checked", (), 0.912345, 3.2e-9, {"x": HIDDEN}
)
SECRET_FIELDS = {"client_secret", "secret", "idempotency_key", "jws", "codes", "text", "svg", "url", "plain", "content",
                 "score", "fmr", "claims"}  # fmt: skip


def test_importing_it_loads_nothing_heavy() -> None:
    program = (
        "import sys, visavis.client\n"
        "heavy = {'numpy', 'cv2', 'openvino', 'onnx', 'onnxruntime', 'PIL', 'pydantic', 'sqlalchemy', 'fastapi', 'starlette',\n"
        "         'cryptography', 'jwt', 'cbor2'}\n"
        "loaded = {name for name in sys.modules if name.startswith('visavis.') and not name.startswith('visavis.client')}\n"
        "found = sorted(heavy & set(sys.modules) | (loaded - {'visavis.errors', 'visavis._version'}))\n"
        "sys.exit(', '.join(found) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_names_are_sorted_and_there() -> None:
    assert sorted(visavis.client.__all__) == visavis.client.__all__
    assert all(hasattr(visavis.client, name) for name in visavis.client.__all__)


def test_every_error_has_a_code_that_no_other_has() -> None:
    kinds: list[type[VisavisError]] = [VisavisError]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    codes = [kind.code for kind in kinds if kind.__module__.startswith(("visavis.errors", "visavis.client"))]
    assert len(codes) == len(set(codes))
    error = ServiceError("why", status=409, code="session_closed")
    assert (error.code, ServiceError.code) == ("session_closed", "service_error")


class TestSilence:
    @pytest.mark.parametrize(
        "value",
        [
            OpenedSession(
                id="vs_1", status="requires_input", purpose="p", policy="1e-4", against="upload", subject=None,
                transaction=None, nonce=None, attempts_left=3, last_error=None, created_at=NOW, expires_at=NOW,
                client_secret=HIDDEN, url=HIDDEN,
            ),
            Enrolled(
                id="enr_1", kind="enrolment", status="enrolled", purpose="p", against=None, yields="reference",
                transaction=None, attempts_left=5, last_error=None, photos=(), codes=(Code("claim", HIDDEN, HIDDEN, HIDDEN),),
            ),
            Code("claim", HIDDEN, HIDDEN, HIDDEN),
            NewWebhookEndpoint(id="we_1", url=HIDDEN, events=(), disabled=False, created_at=NOW, secret=HIDDEN),
            Report("vr_1", "vs_1", None, NOW, DECISION, HIDDEN),
            Request("POST", "/v1/x", content=HIDDEN.encode(), idempotency_key=HIDDEN, secret=HIDDEN),
            Visavis("https://verify.example", HIDDEN),
            Visavis("https://verify.example", HIDDEN).capture("vs_1", HIDDEN),
            AsyncVisavis("https://verify.example", HIDDEN).capture("vs_1", HIDDEN),
            Webhooks("whsec_" + "hidden" * 6),
        ],
        ids=lambda value: type(value).__name__,
    )  # fmt: skip
    def test_a_repr_holds_no_secret(self, value: object) -> None:
        for shown in (repr(value), str(value), f"{[value]}"):
            assert "hidden" not in shown

    def test_nor_a_score(self) -> None:
        assert "0.91" not in repr(DECISION)
        assert "e-09" not in repr(DECISION)

    @pytest.mark.parametrize("name", visavis.client.__all__)
    def test_no_field_that_holds_one_is_shown(self, name: str) -> None:
        kind = getattr(visavis.client, name)
        if dataclasses.is_dataclass(kind) and name not in ("Transaction", "Consent"):
            shown = {field.name for field in dataclasses.fields(kind) if field.repr}
            assert not shown & SECRET_FIELDS
            assert "__dict__" not in dir(kind)
            assert vars(kind)["__dataclass_params__"].frozen


class TestReading:
    def test_a_decision_has_no_truth_value(self) -> None:
        with pytest.raises(TypeError, match="truth value"):
            assert DECISION

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"outcome": True}, "`outcome`"),
            ({"score": "0.9"}, "`score`"),
            ({"policy": "1e-4"}, "`policy`"),
            ({"reasons": {"reference": [], "probe": "x", "pair": []}}, "`probe`"),
            ({"reasons": {"reference": [], "probe": [1], "pair": []}}, "`probe`"),
            ({"liveness": {}}, "`status`"),
            ({"liveness": {"status": "failed", "reasons": ["flat", 1]}}, "`reasons`"),
        ],
    )
    def test_what_a_decision_lacks_is_told_and_nothing_of_it(self, change: Mapping[str, Any], told: str) -> None:
        value = {
            "outcome": "match",
            "reasons": {"reference": [], "probe": [], "pair": ["score_reaches_threshold"]},
            "score": 1,
            "fmr": None,
            "policy": {"name": "1e-4", "fmr_target": 1e-4, "threshold": 0.25},
            "liveness": {"status": "not_checked"},
        }
        assert read(Decision, value).score == 1.0
        failed = read(Decision, {**value, "liveness": {"status": "failed", "reasons": ["flat", "bent"], "turns": []}})
        assert (failed.liveness, failed.liveness_reasons) == ("failed", ("flat", "bent"))
        with pytest.raises(Unreadable, match=told):
            read(Decision, {**value, **change})

    @pytest.mark.parametrize("kind", [VerificationSession, Enrolment, Capture])
    def test_an_answer_from_before_captures_were_live(self, kind: type[VerificationSession]) -> None:
        needed = {each.name: "x" for each in dataclasses.fields(kind) if each.default is dataclasses.MISSING}
        times = dict.fromkeys(("created_at", "expires_at"), NOW.isoformat())
        value = {**needed, **times, "transaction": None, "attempts_left": 3}
        old = read(kind, value)
        assert (old.liveness, old.alternatives, old.evidence) == (None, (), None)
        new = read(kind, {**value, "liveness": "required", "alternatives": ["move_camera", "review"]})
        assert (new.liveness, new.alternatives) == ("required", ("move_camera", "review"))

    def test_commands_for_a_chip_are_bytes(self) -> None:
        value = {"challenge": "1.2", "active_command": "0088", "chip_commands": ["00", "ff"]}
        told = read(visavis.client.ChipChallenge, value)
        assert (told.active_command, told.chip_commands) == (b"\0\x88", (b"\0", b"\xff"))
        for wrong in ("0", "xy", 1, None):
            with pytest.raises(Unreadable, match="in hex as `active_command`"):
                read(visavis.client.ChipChallenge, {**value, "active_command": wrong})

    @pytest.mark.parametrize("time", ["2026-03-01T00:00:00", "yesterday", "", 1, None])
    def test_a_time_without_a_zone_is_none(self, time: object) -> None:
        with pytest.raises(Unreadable, match="`created_at`"):
            read(visavis.client.Subject, {"id": "sub_1", "name": "anna", "created_at": time})


class TestMethods:
    def test_both_clients_show_the_same_ones(self) -> None:
        at_once, awaited = (
            kind("https://verify.example", "k").verification_sessions for kind in (Visavis, AsyncVisavis)
        )
        for name in ("create", "retrieve", "list", "cancel"):
            first, second = getattr(at_once, name), getattr(awaited, name)
            assert inspect.signature(first) == inspect.signature(second)
            assert first.__doc__ == second.__doc__
            assert len(first.__doc__) > 10
        assert "self" not in inspect.signature(at_once.create).parameters
        with pytest.raises(TypeError):
            at_once.retrieve()  # type: ignore[call-arg]

    def test_the_tests_wait_for_what_is_awaited(self) -> None:
        assert "verify.example" in repr(Waiting(AsyncVisavis("https://verify.example", "k"), None))  # type: ignore[arg-type]


def test_the_answers_have_every_field_of_the_services() -> None:
    """What the service tells today and this client passes over is meant so."""
    from visavis.api import models

    left_out = {"object", "version", "model", "calibration", "faces", "timings_ms"}
    pairs = [
        ("OpenedVerificationSession", "OpenedSession"), ("VerificationReport", "Report"), ("OpenedEnrolment",) * 2,
        ("Enrolled",) * 2, ("Subject",) * 2, ("ErasureReceipt",) * 2, ("Receipt", "RedactionReceipt"), ("Withdrawal",) * 2,
        ("Credential",) * 2, ("WebhookEndpointWithSecret", "NewWebhookEndpoint"), ("Event",) * 2, ("Delivery",) * 2,
        ("AuditEntry",) * 2, ("AuditHead",) * 2, ("Policy",) * 2, ("Decision",) * 2, ("Code",) * 2, ("Transaction",) * 2,
    ]  # fmt: skip
    for theirs, ours in pairs:
        told = set(getattr(models, theirs).model_fields) - left_out
        known = {field.name for field in dataclasses.fields(getattr(visavis.client, ours))}
        assert told <= known, json.dumps(sorted(told - known))
