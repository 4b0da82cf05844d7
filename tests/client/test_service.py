"""Every resource, by both clients, against the service itself."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.api import Running
from tests.client.conftest import MakeClient
from tests.session import CONSENT, NOBODY, Person, enrol, subject_id
from visavis.client import Consent, ServiceError, Transaction, Visavis
from visavis.errors import InputInvalid
from visavis.session import Vault

ANNA, BELA = Person(1), Person(2)
PAYMENT = Transaction("12.50", "EUR", "Bäckerei")
AGREED = Consent(text=CONSENT, version="2026-01", locale="en", retention_days=365)


class TestVerificationSessions:
    def test_one_from_its_creation_to_its_report(self, client: Visavis, vault: Vault) -> None:
        claim, anna = enrol(vault, ANNA, purpose="payment"), subject_id(vault)
        opened = client.verification_sessions.create(
            purpose="payment",
            against="subject",
            subject=anna,
            transaction=PAYMENT,
            nonce="n-1",
            attempts=3,
            liveness="not_checked",
            alternatives=["review"],
        )
        assert opened.url == f"https://verify.example/verify/{opened.id}#{opened.client_secret}"
        assert (opened.status, opened.transaction, opened.nonce) == ("requires_input", PAYMENT, "n-1")
        assert (opened.liveness, opened.alternatives) == ("not_checked", ("review",))
        capture = client.capture(opened.id, opened.client_secret)
        shown = capture.show()
        assert (shown.kind, shown.against, shown.transaction) == ("verification_session", "subject", PAYMENT)
        assert (shown.liveness, shown.alternatives) == ("not_checked", ("review",))
        assert capture.submit(probe=BELA.photo(), claim=claim.text()).last_error == "score_below_threshold"
        # A claim is tried once a second; the client waits for as long as the service says.
        assert capture.submit(probe=[ANNA.photo(3)], claim=claim.text()).status == "verified"
        again = client.verification_sessions.retrieve(opened.id)
        assert (again.status, again.attempts_left, again.last_error) == ("verified", 1, None)
        assert again.created_at == opened.created_at < again.expires_at
        wrong, right = client.verification_sessions.reports(opened.id)
        assert (wrong.decision.outcome, right.decision.outcome) == ("no_match", "match")
        assert (right.subject, right.verification_session) == (anna, opened.id)
        assert right.decision.score is not None
        assert right.decision.score > right.decision.threshold > 0
        assert (right.decision.policy, right.decision.liveness) == ("1e-4", "not_checked")
        assert right.decision.liveness_reasons == ()
        assert right.decision.plain["model"]["sha256"]
        assert client.reports.retrieve(right.id) == right

    def test_they_are_listed_page_by_page(self, client: Visavis) -> None:
        made = [client.verification_sessions.create(purpose="door", against="upload").id for _ in range(5)]
        assert [each.id for each in client.verification_sessions.list(limit=2)] == made[::-1]
        assert next(iter(client.verification_sessions.list(limit=1))).id == made[-1]
        page = client.verification_sessions.page(limit=2, starting_after=made[2])
        assert ([each.id for each in page.data], page.has_more) == (made[1::-1], False)
        assert client.verification_sessions.page(limit=2).has_more

    def test_one_is_canceled_and_redacted(self, client: Visavis) -> None:
        opened = client.verification_sessions.create(purpose="door", against="upload", expires_in_s=60, nonce="n")
        with pytest.raises(ServiceError) as open_still:
            client.verification_sessions.redact(opened.id)
        assert (open_still.value.code, open_still.value.status) == ("session_closed", 409)
        assert client.verification_sessions.cancel(opened.id).status == "canceled"
        receipt = client.verification_sessions.redact(opened.id)
        assert (receipt.session, receipt.reports, len(receipt.signature)) == (opened.id, 0, 128)
        after = client.verification_sessions.retrieve(opened.id)
        assert (after.nonce, after.redacted_at) == (None, receipt.redacted_at)

    def test_a_photo_is_read_from_where_it_is(self, client: Visavis, tmp_path: Path) -> None:
        reference, probe = tmp_path / "a.jpg", tmp_path / "b.jpg"
        reference.write_bytes(ANNA.photo())
        probe.write_bytes(ANNA.photo(1))
        opened = client.verification_sessions.create(purpose="door", against="upload", liveness="not_checked")
        capture = client.capture(opened.id, opened.client_secret)
        with pytest.raises(InputInvalid, match=r"c\.jpg"):
            capture.submit(probe=tmp_path / "c.jpg", reference=reference)
        with pytest.raises(InputInvalid, match="a Path to a file, got str"):
            capture.submit(probe=str(probe), reference=reference)  # type: ignore[arg-type]
        assert capture.submit(probe=probe, reference=reference).status == "verified"

    def test_without_being_told_it_is_live(self, client: Visavis) -> None:
        opened = client.verification_sessions.create(purpose="door", against="upload")
        assert (opened.liveness, opened.alternatives) == ("required", ("move_camera",))
        capture = client.capture(opened.id, opened.client_secret)
        with pytest.raises(ServiceError, match="needs a live capture") as refused:
            capture.submit(probe=ANNA.photo(1), reference=ANNA.photo())
        assert (refused.value.code, refused.value.status) == ("liveness_required", 409)
        shown = capture.show()
        assert (shown.liveness, shown.alternatives) == ("required", ("move_camera",))
        assert (shown.attempts_left, shown.last_error) == (3, "liveness_required")
        assert client.verification_sessions.reports(opened.id) == ()


class TestEnrolments:
    def test_a_reference(self, client: Visavis) -> None:
        opened = client.enrolments.create(
            subject="anna", purpose="payment", consent=AGREED, liveness="not_checked", alternatives=[]
        )
        assert (opened.status, opened.yields) == ("requires_input", "reference")
        assert (opened.liveness, opened.alternatives) == ("not_checked", ())
        capture = client.capture(opened.id, opened.client_secret)
        poor = capture.submit_photos([ANNA.photo(), NOBODY])
        assert ([each.reasons for each in poor.photos], poor.codes) == ([(), ("no_face",)], ())
        done = capture.submit_photos([ANNA.photo(), ANNA.photo(1)])
        assert (done.status, [each.name for each in done.codes]) == ("enrolled", ["claim"])
        assert done.codes[0].svg.startswith("<svg")
        assert client.enrolments.retrieve(opened.id).status == "enrolled"
        session = client.verification_sessions.create(
            purpose="payment", against="subject", subject=opened.subject, liveness="not_checked"
        )
        submitted = client.capture(session.id, session.client_secret).submit(
            probe=ANNA.photo(2), claim=done.codes[0].text
        )
        assert submitted.status == "verified"

    def test_a_credential_that_is_shown_and_revoked(self, client: Visavis) -> None:
        hashed = Consent(
            text_sha256=hashlib.sha256(CONSENT.encode()).hexdigest(), version="1", locale="en", retention_days=9
        )
        opened = client.enrolments.create(
            subject="bela", purpose="door", consent=hashed, yields="credential", liveness="not_checked"
        )
        done = client.capture(opened.id, opened.client_secret).submit_photos(BELA.photo())
        codes = {each.name: each.text for each in done.codes}
        assert set(codes) == {"credential", "holder"}
        session = client.verification_sessions.create(purpose="door", against="credential", liveness="not_checked")
        submitted = client.capture(session.id, session.client_secret).submit(probe=BELA.photo(1), **codes)  # type: ignore[arg-type]
        assert submitted.status == "verified"
        (credential,) = client.credentials.list(subject=opened.subject)
        assert (credential.subject, credential.purposes, credential.revoked_at) == (opened.subject, ("door",), None)
        assert client.credentials.retrieve(credential.id) == credential
        before = client.credentials.status_list()
        assert client.credentials.revoke(credential.id).revoked_at is not None
        assert client.credentials.status_list() != before

    def test_without_being_told_it_is_live(self, client: Visavis) -> None:
        opened = client.enrolments.create(subject="anna", purpose="door", consent=AGREED)
        assert (opened.liveness, opened.alternatives) == ("required", ("move_camera",))
        with pytest.raises(ServiceError, match="needs a live capture") as refused:
            client.capture(opened.id, opened.client_secret).submit_photos(ANNA.photo())
        assert (refused.value.code, refused.value.status) == ("liveness_required", 409)
        after = client.enrolments.retrieve(opened.id)
        assert (after.status, after.attempts_left, after.last_error) == ("requires_input", 5, "liveness_required")

    def test_they_are_listed_and_canceled(self, client: Visavis) -> None:
        made = [client.enrolments.create(subject=f"p {n}", purpose="door", consent=AGREED).id for n in range(3)]
        assert [each.id for each in client.enrolments.list(limit=2)] == made[::-1]
        assert client.enrolments.page(limit=1, starting_after=made[1]).data[0].id == made[0]
        assert client.enrolments.cancel(made[0]).status == "canceled"


class TestComparisonsAndPolicies:
    def test_two_photos(self, client: Visavis) -> None:
        same = client.comparisons.create(reference=ANNA.photo(), probe=ANNA.photo(1), policy="1e-3")
        other = client.comparisons.create(reference=ANNA.photo(), probe=BELA.photo())
        nobody = client.comparisons.create(reference=ANNA.photo(), probe=NOBODY)
        assert [each.outcome for each in (same, other, nobody)] == ["match", "no_match", "inconclusive"]
        assert (nobody.score, nobody.fmr, nobody.reasons.probe) == (None, None, ("no_face",))
        assert same.policy == "1e-3"
        with pytest.raises(TypeError, match="truth value"):
            assert same

    def test_policies(self, client: Visavis) -> None:
        found = {each.name: each for each in client.policies.list()}
        assert found["1e-4"].fmr_target == 1e-4


class TestSubjects:
    def test_listed_exported_and_erased(self, client: Visavis, vault: Vault) -> None:
        names = ["anna", "bela & co.", "cora"]
        for number, name in enumerate(names):
            enrol(vault, Person(number), name)
        assert [each.name for each in client.subjects.list(limit=1)] == names
        assert [each.name for each in client.subjects.page(starting_after="bela & co.").data] == ["cora"]
        anna = subject_id(vault)
        assert client.subjects.retrieve(anna).name == "anna"
        assert client.subjects.export(anna)["subject"]["name"] == "anna"
        withdrawn = client.subjects.withdraw_consent(anna, purpose="door")
        assert (withdrawn.consents, withdrawn.references, withdrawn.credentials) == (1, 1, 0)
        receipt = client.subjects.erase(anna)
        assert (receipt.subject, receipt.consents) == (anna, 1)
        with pytest.raises(ServiceError) as gone:
            client.subjects.retrieve(anna)
        assert (gone.value.code, gone.value.status) == ("subject_unknown", 404)
        assert gone.value.request_id is not None
        assert gone.value.request_id.startswith("req_")


class TestWebhooksEventsAndAudit:
    def test_endpoints(self, client: Visavis) -> None:
        made = client.webhook_endpoints.create(url="http://127.0.0.1:9/hook", events=["verification_session.verified"])
        assert made.secret.startswith("whsec_")
        assert client.webhook_endpoints.rotate_secret(made.id).secret != made.secret
        (listed,) = client.webhook_endpoints.list()
        assert listed == client.webhook_endpoints.retrieve(made.id)
        changed = client.webhook_endpoints.update(made.id, disabled=True, events=[])
        assert (changed.disabled, changed.events, changed.url) == (True, (), made.url)
        assert client.webhook_endpoints.test(made.id).type == "webhook_endpoint.test"
        client.webhook_endpoints.delete(made.id)
        assert list(client.webhook_endpoints.list()) == []

    def test_events(self, client: Visavis) -> None:
        made = client.webhook_endpoints.create(url="http://127.0.0.1:9/hook")
        opened = client.verification_sessions.create(purpose="door", against="upload")
        client.verification_sessions.cancel(opened.id)
        found = list(client.events.list(limit=1))
        assert [each.type for each in found] == ["verification_session.canceled", "verification_session.created"]
        assert found[0].data["id"] == opened.id
        assert client.events.page(limit=1, starting_after=found[0].id).data[0].id == found[1].id
        (delivery,) = client.events.retrieve(found[0].id).deliveries
        assert delivery.endpoint == made.id
        assert client.events.replay(found[0].id).id == found[0].id

    def test_the_audit_log(self, client: Visavis, vault: Vault) -> None:
        enrol(vault, ANNA)
        found = list(client.audit.list(limit=2))
        assert [each.number for each in found] == list(range(1, len(found) + 1))
        assert len(found) > 2
        assert next(iter(client.audit.list(after=2))).number == 3
        head = client.audit.head()
        assert (head.number, head.hash) == (found[-1].number, found[-1].hash)


class TestAccess:
    def test_the_key_comes_from_the_environment(
        self, make_client: MakeClient, server: Running, api_key: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("VISAVIS_API_KEY", f"{api_key}\n")
        assert list(make_client(server.url).policies.list())

    def test_a_client_of_captures_needs_none(
        self, make_client: MakeClient, server: Running, client: Visavis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("VISAVIS_API_KEY", raising=False)
        opened = client.verification_sessions.create(purpose="door", against="upload")
        kiosk = make_client(server.url)
        assert kiosk.capture(opened.id, opened.client_secret).show().status == "requires_input"
        assert kiosk.key_set()["keys"]
        with pytest.raises(Exception, match="VISAVIS_API_KEY"):
            list(kiosk.policies.list())

    def test_a_wrong_key_is_an_error_that_does_not_tell_it(self, make_client: MakeClient, server: Running) -> None:
        with pytest.raises(ServiceError) as refused:
            list(make_client(server.url, "vsk_0").policies.list())
        assert (refused.value.code, refused.value.status) == ("api_key_refused", 401)
        assert "vsk_0" not in str(refused.value)

    def test_the_parameter_at_fault_is_told(self, client: Visavis) -> None:
        with pytest.raises(ServiceError) as refused:
            client.verification_sessions.create(purpose="door", against="everyone")
        assert (refused.value.code, refused.value.parameter) == ("input_invalid", "against")

    def test_a_key_of_ones_own_is_carried_out_once(self, client: Visavis) -> None:
        def ask(purpose: str) -> str:
            opened = client.verification_sessions.create(purpose=purpose, against="upload", idempotency_key="order-1")
            return opened.client_secret

        assert ask("door") == ask("door")
        with pytest.raises(ServiceError) as other:
            ask("payment")
        assert other.value.code == "idempotency_mismatch"
        assert len(list(client.verification_sessions.list())) == 1

    def test_captures_too(self, client: Visavis) -> None:
        opened = client.verification_sessions.create(purpose="door", against="upload", liveness="not_checked")
        capture = client.capture(opened.id, opened.client_secret)
        for _ in range(2):
            done = capture.submit(probe=BELA.photo(), reference=ANNA.photo(), idempotency_key="frame-1")
            assert (done.status, done.attempts_left) == ("requires_input", 2)


def test_every_operation_of_the_service_has_a_method(
    client: Visavis, server: Running, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But health and metrics, which are the operator's."""
    from visavis.api import make_app

    paths = make_app(server.service).openapi()["paths"]
    offered = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    asked: set[tuple[str, str]] = set()
    for send in (httpx.Client, httpx.AsyncClient):

        def note(self: object, *, method: str, url: str, _send: object = send.stream, **parts: object) -> object:
            asked.add((method, httpx.URL(url).path))
            return _send(self, method=method, url=url, **parts)  # type: ignore[operator]

        monkeypatch.setattr(send, "stream", note)
    calls: list[Callable[[], object]] = [
        lambda: client.verification_sessions.create(purpose="a", against="upload"),
        lambda: list(client.verification_sessions.list()),
        lambda: client.verification_sessions.retrieve("session_id"),
        lambda: client.verification_sessions.cancel("session_id"),
        lambda: client.verification_sessions.redact("session_id"),
        lambda: client.verification_sessions.reports("session_id"),
        lambda: client.reports.retrieve("report_id"),
        lambda: client.enrolments.create(subject="a", purpose="a", consent=AGREED),
        lambda: list(client.enrolments.list()),
        lambda: client.enrolments.retrieve("enrolment_id"),
        lambda: client.enrolments.cancel("enrolment_id"),
        lambda: client.comparisons.create(reference=b"", probe=b""),
        lambda: list(client.policies.list()),
        lambda: list(client.subjects.list()),
        lambda: client.subjects.retrieve("subject_id"),
        lambda: client.subjects.export("subject_id"),
        lambda: client.subjects.withdraw_consent("subject_id", purpose="a"),
        lambda: client.subjects.erase("subject_id"),
        lambda: list(client.credentials.list(subject="a")),
        lambda: client.credentials.status_list(),
        lambda: client.credentials.retrieve("credential_id"),
        lambda: client.credentials.revoke("credential_id"),
        lambda: client.webhook_endpoints.create(url="x"),
        lambda: list(client.webhook_endpoints.list()),
        lambda: client.webhook_endpoints.retrieve("endpoint_id"),
        lambda: client.webhook_endpoints.update("endpoint_id"),
        lambda: client.webhook_endpoints.rotate_secret("endpoint_id"),
        lambda: client.webhook_endpoints.test("endpoint_id"),
        lambda: client.webhook_endpoints.delete("endpoint_id"),
        lambda: list(client.events.list()),
        lambda: client.events.retrieve("event_id"),
        lambda: client.events.replay("event_id"),
        lambda: list(client.audit.list()),
        lambda: client.audit.head(),
        lambda: client.capture("session_id", "s").show(),
        lambda: client.capture("session_id", "s").submit(probe=b"x"),
        lambda: client.capture("session_id", "s").submit_photos(b"x"),
        lambda: client.capture("session_id", "s").look_at_document(document_pages=b"x"),
        lambda: client.capture("session_id", "s").chip_challenge(dg14=b"x"),
        lambda: client.key_set(),
    ]
    for call in calls:
        with suppress(ServiceError):  # there is no such thing
            call()
    plain = {(method, path.replace("{", "").replace("}", "")) for method, path in offered}
    assert plain - asked == {("GET", "/livez"), ("GET", "/readyz"), ("GET", "/metrics")}
    assert asked <= plain
