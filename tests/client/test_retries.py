"""When a request is sent again, against a server that fails on purpose."""

import json
import socket
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from tests.client import Failing, answer
from tests.client.conftest import MakeClient
from visavis.client import ServiceError, ServiceUnreachable, Visavis
from visavis.errors import InputInvalid

NO_POLICIES = answer(200, b'{"data": [], "has_more": false}')
HANG_UP = None
KEY = "vsk_secret-key"


def problem(status: int, code: str, **headers: str) -> bytes:
    told = {"status": status, "code": code, "detail": "why", "parameter": "p"}
    return answer(status, json.dumps(told).encode(), X_Request_Id="req_1", **headers)


@pytest.fixture
def client(make_client: MakeClient, broken: Failing) -> Visavis:
    return make_client(broken.url, KEY, timeout_s=2, deadline_s=5)


def policies(client: Visavis) -> list[object]:
    return list(client.policies.list())


class TestWhatIsRepeated:
    @pytest.mark.parametrize(
        "failure", [HANG_UP, answer(429), answer(502), answer(503), answer(504), b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\n{"]
    )  # fmt: skip
    def test_what_may_go_better_next_time(self, failure: bytes | None, client: Visavis, broken: Failing) -> None:
        broken.will(failure, failure, failure, NO_POLICIES)
        assert policies(client) == []
        assert len(broken.asked) == 4

    @pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 404, 408, 409, 413, 422, 500, 501])
    def test_what_will_not(self, status: int, client: Visavis, broken: Failing) -> None:
        broken.will(answer(status, Location=f"{broken.url}/elsewhere"))
        with pytest.raises(ServiceError) as refused:
            policies(client)
        assert (refused.value.status, refused.value.code) == (status, f"http_{status}")
        assert len(broken.asked) == 1

    def test_no_more_than_so_often(self, make_client: MakeClient, broken: Failing) -> None:
        client = make_client(broken.url, KEY, retries=1)
        broken.will(HANG_UP, problem(503, "store_unusable"))
        with pytest.raises(ServiceError) as refused:
            policies(client)
        assert (refused.value.code, refused.value.parameter) == ("store_unusable", "p")
        assert (refused.value.request_id, refused.value.retry_after_s) == ("req_1", None)
        broken.will(HANG_UP, HANG_UP)
        with pytest.raises(ServiceUnreachable) as lost:
            policies(client)
        assert "may have been carried out" not in str(lost.value)  # it was to change nothing
        assert len(broken.asked) == 4
        assert KEY not in f"{refused.value!r}{lost.value!r}"

    def test_where_nobody_listens(self, make_client: MakeClient) -> None:
        with socket.create_server(("127.0.0.1", 0)) as gone:
            port = gone.getsockname()[1]
        with pytest.raises(ServiceUnreachable, match="ConnectError") as lost:
            make_client(f"http://127.0.0.1:{port}", KEY, retries=0).subjects.erase("sub_1")
        assert "may have been carried out" not in str(lost.value)

    def test_a_refusal_for_good_is_not_waited_out(self, client: Visavis, broken: Failing) -> None:
        """A claim that was guessed at too often takes no further attempt, and the service names no time."""
        broken.will(problem(429, "rate_limited"))
        with pytest.raises(ServiceError):
            policies(client)
        assert len(broken.asked) == 1


class TestPosts:
    def test_each_repetition_is_the_same_to_the_byte(self, client: Visavis, broken: Failing, tmp_path: Path) -> None:
        photo = tmp_path / "a.jpg"
        photo.write_bytes(b"\xff\xd8 photo\r\n--")
        broken.will(HANG_UP, answer(503), answer(504), answer(404))
        with pytest.raises(ServiceError):
            client.comparisons.create(reference=photo, probe=b"\0probe", policy="1e-3")
        first, *others = broken.asked
        assert b"\xff\xd8 photo\r\n--" in first.body
        assert b"\0probe" in first.body
        assert str(tmp_path).encode() not in first.body
        assert others == [first] * 3
        assert len(first.headers["idempotency-key"]) == 36

    def test_each_call_has_a_key_of_its_own(self, client: Visavis, broken: Failing) -> None:
        broken.will(answer(404), answer(404), answer(404), answer(404))
        for call in (
            lambda: client.verification_sessions.cancel("vs_1"),
            lambda: client.verification_sessions.cancel("vs_1"),
            lambda: client.capture("vs_1", "vscs_1").submit(probe=b"x"),
            lambda: client.verification_sessions.cancel("vs_1", idempotency_key="mine"),
        ):
            with pytest.raises(ServiceError):
                call()
        keys = [each.headers["idempotency-key"] for each in broken.asked]
        assert len(set(keys)) == 4
        assert keys[3] == "mine"
        assert broken.asked[2].headers["authorization"] == "Bearer vscs_1"

    def test_what_changes_nothing_has_none_and_is_repeated_all_the_same(self, client: Visavis, broken: Failing) -> None:
        capture = client.capture("vs_1", "vscs_1")
        for call in (capture.chip_challenge, lambda: capture.look_at_document(document_pages=b"x")):
            broken.will(HANG_UP, problem(429, "rate_limited", Retry_After="0"), answer(404))
            with pytest.raises(ServiceError):
                call()
        assert len(broken.asked) == 6
        assert not any("idempotency-key" in each.headers for each in broken.asked)

    def test_an_answer_that_is_being_made_is_waited_for(self, make_client: MakeClient, broken: Failing) -> None:
        """However often: the first answer was lost, and the service is still at work."""
        client = make_client(broken.url, KEY, retries=1)
        made = answer(200, b'{"consents": 1, "references": 1, "credentials": 0, "evidence": 0}')
        broken.will(HANG_UP, *[problem(409, "idempotency_unfinished", Retry_After="0")] * 4, made)
        assert client.subjects.withdraw_consent("sub_1", purpose="door").consents == 1
        assert len(broken.asked) == 6

    def test_one_that_will_never_come_is_not(self, client: Visavis, broken: Failing) -> None:
        broken.will(problem(409, "idempotency_unfinished"))
        with pytest.raises(ServiceError):
            client.subjects.withdraw_consent("sub_1", purpose="door")
        assert len(broken.asked) == 1

    def test_where_all_is_lost_it_is_told_that_it_may_have_been_done(self, client: Visavis, broken: Failing) -> None:
        broken.will(*[HANG_UP] * 4)
        with pytest.raises(ServiceUnreachable, match="may have been carried out"):
            client.verification_sessions.cancel("vs_1")


class TestDeletes:
    """The second answer would say that there is nothing, and not what became of it."""

    @pytest.mark.parametrize("lost", [HANG_UP, answer(502), answer(504)])
    def test_one_whose_answer_is_lost_is_not_repeated(
        self, lost: bytes | None, client: Visavis, broken: Failing
    ) -> None:
        broken.will(lost)
        with pytest.raises((ServiceError, ServiceUnreachable)):
            client.subjects.erase("sub_1")
        assert len(broken.asked) == 1
        assert "idempotency-key" not in broken.asked[0].headers

    @pytest.mark.parametrize("status", [429, 503])
    def test_one_that_was_turned_away_is(self, status: int, client: Visavis, broken: Failing) -> None:
        broken.will(answer(status), b"HTTP/1.1 204 X\r\n\r\n")
        client.webhook_endpoints.delete("we_1")
        assert len(broken.asked) == 2


class TestTime:
    def test_the_pause_is_no_shorter_than_the_service_asks_for(self, client: Visavis, broken: Failing) -> None:
        broken.will(answer(429, Retry_After="1"), NO_POLICIES)
        started = time.monotonic()
        policies(client)
        assert 1.0 <= time.monotonic() - started < 2.0

    @pytest.mark.parametrize("pause", ["31", "999999999", formatdate(time.time() + 3600, usegmt=True)])
    def test_nor_is_a_long_one_waited_for(self, pause: str, make_client: MakeClient, broken: Failing) -> None:
        broken.will(answer(503, Retry_After=pause))
        with pytest.raises(ServiceError) as refused:
            policies(make_client(broken.url, KEY, deadline_s=10**9))
        assert refused.value.retry_after_s is not None
        assert refused.value.retry_after_s > 30
        assert len(broken.asked) == 1

    @pytest.mark.parametrize("pause", ["soon", "-1", "1.5", "٣", "9" * 5000, formatdate(0), ""])
    def test_a_pause_that_makes_no_sense_is_none(self, pause: str, client: Visavis, broken: Failing) -> None:
        told = pause.encode("utf-8").decode("latin-1")
        broken.will(answer(503, Retry_After=told), NO_POLICIES)
        started = time.monotonic()
        policies(client)
        assert time.monotonic() - started < 1

    def test_a_silent_service_is_waited_for_no_longer(self, make_client: MakeClient, broken: Failing) -> None:
        broken.will(5.0, 5.0)
        started = time.monotonic()
        with pytest.raises(ServiceUnreachable, match="ReadTimeout"):
            policies(make_client(broken.url, KEY, timeout_s=0.2, retries=1))
        assert 0.4 <= time.monotonic() - started < 2

    def test_the_deadline_holds_for_all_attempts_together(self, make_client: MakeClient, broken: Failing) -> None:
        broken.will(*[5.0] * 9)
        started = time.monotonic()
        with pytest.raises(ServiceUnreachable):
            policies(make_client(broken.url, KEY, timeout_s=0.3, deadline_s=0.7, retries=8))
        assert time.monotonic() - started < 1.5

    def test_and_for_an_answer_that_trickles(self, make_client: MakeClient, broken: Failing) -> None:
        broken.will(answer(200, b"\0slowly\0".join([b" "] * 100)))
        started = time.monotonic()
        with pytest.raises(ServiceUnreachable, match="deadline"):
            policies(make_client(broken.url, KEY, deadline_s=0.5))
        assert time.monotonic() - started < 2

    def test_no_pause_goes_beyond_it(self, make_client: MakeClient, broken: Failing) -> None:
        broken.will(answer(429, Retry_After="5"))
        started = time.monotonic()
        with pytest.raises(ServiceError):
            policies(make_client(broken.url, KEY, deadline_s=3))
        assert time.monotonic() - started < 1

    @pytest.mark.parametrize("wrong", [{"retries": -1}, {"timeout_s": 0}, {"deadline_s": float("nan")}])
    def test_what_makes_no_sense(self, wrong: dict[str, float], make_client: MakeClient) -> None:
        with pytest.raises(InputInvalid):
            make_client("https://verify.example", KEY, **wrong)


class TestAnswersThatAreNone:
    @pytest.mark.parametrize(
        "body",
        [
            b"<html>", b"", b"[]", b"3", b"\xff", b"[" * 100_000, b'{"data": {}, "has_more": false}', b'{"data": []}',
            b'{"data": [1], "has_more": false}', b'{"data": [{"name": "x"}], "has_more": false}',
            b'{"data": [{"name": "x", "fmr_target": "1", "condition": "c"}], "has_more": false}',
            b'{"data": [{"name": null, "fmr_target": 1, "condition": "c"}], "has_more": false}',
            b'{"data": [{"name": "x", "fmr_target": true, "condition": "c"}], "has_more": false}',
        ],
    )  # fmt: skip
    def test_are_told_so(self, body: bytes, client: Visavis, broken: Failing) -> None:
        broken.will(answer(200, body, X_Request_Id="req_2"))
        with pytest.raises(ServiceError) as refused:
            policies(client)
        assert (refused.value.code, refused.value.status) == ("answer_unreadable", 200)
        assert refused.value.request_id == "req_2"

    @pytest.mark.parametrize("body", [b"[]", b"{", b'{"code": 3, "detail": {}}', b"null", b"\xff"])
    def test_a_problem_that_is_none(self, body: bytes, client: Visavis, broken: Failing) -> None:
        broken.will(answer(418, body))
        with pytest.raises(ServiceError) as refused:
            policies(client)
        assert refused.value.code == "http_418"

    def test_what_later_versions_add_is_passed_over(self, client: Visavis, broken: Failing) -> None:
        new = {"name": "x", "fmr_target": 1, "condition": "quantum", "colour": {"a": [1]}}
        broken.will(answer(200, json.dumps({"data": [new], "has_more": False, "next": "y"}).encode()))
        (found,) = client.policies.list()
        assert (found.fmr_target, found.condition) == (1.0, "quantum")
        assert type(found.fmr_target) is float

    def test_a_page_that_says_there_is_more_and_holds_nothing_is_the_last(
        self, client: Visavis, broken: Failing
    ) -> None:
        broken.will(answer(200, b'{"data": [], "has_more": true}'))
        assert policies(client) == []

    def test_what_is_too_large_is_not_held(
        self, client: Visavis, broken: Failing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("visavis.client.clients.ANSWER_MAX", 1000)
        broken.will(answer(200, b" " * 2000))
        with pytest.raises(ServiceError, match="too large"):
            policies(client)


class TestAddressesAndSecrets:
    @pytest.mark.parametrize(
        "url",
        ["https://verify.example", "https://verify.example/face/", "http://127.0.0.1:8000", "http://[::1]:8000",
         "http://localhost", "http://127.9.9.9", "HTTPS://verify.example"],
    )  # fmt: skip
    def test_good_ones(self, url: str, make_client: MakeClient) -> None:
        assert not repr(make_client(url, KEY)).endswith("/>")

    @pytest.mark.parametrize(
        "url",
        ["http://verify.example", "http://localhost.example", "http://10.0.0.1", "http://[::2]", "ftp://localhost", "",
         "verify.example", "https://", "https://user:pw@verify.example", "https://verify.example?x=1", "https://[",
         "https://verify.example#x", "https://a:b", "https://verify.exämple", "https://verify .example",
         "http://127.0.0.1@evil.example", "https://verify.example\n"],
    )  # fmt: skip
    def test_others(self, url: str, make_client: MakeClient) -> None:
        with pytest.raises(InputInvalid, match="base_url"):
            make_client(url, KEY)

    @pytest.mark.parametrize("key", ["", " ", "a b", "a\r\nX: y", "ä", "x" * 201])
    def test_a_key_that_is_none_is_not_quoted(self, key: str, make_client: MakeClient) -> None:
        with pytest.raises(InputInvalid) as refused:
            make_client("https://verify.example", key)
        assert not key.strip() or key not in str(refused.value)
        with pytest.raises(InputInvalid):
            make_client("https://verify.example").capture("vs_1", key)

    @pytest.mark.parametrize(
        "wrong", ["", ".", "..", "a/b", "../subjects/x", "a?b", "a#b", "a%2f", "ä", "a b", "x" * 129]
    )
    def test_an_id_leads_nowhere_else(self, wrong: str, client: Visavis, broken: Failing) -> None:
        with pytest.raises(InputInvalid):
            client.subjects.erase(wrong)
        with pytest.raises(InputInvalid):
            client.capture(wrong, "vscs_1").show()
        assert broken.asked == []

    @pytest.mark.parametrize("wrong", ["", "a b", "ä", "x" * 256, "a\r\nb"])
    def test_nor_does_an_idempotency_key(self, wrong: str, client: Visavis, broken: Failing) -> None:
        with pytest.raises(InputInvalid):
            client.verification_sessions.cancel("vs_1", idempotency_key=wrong)
        assert broken.asked == []

    def test_a_key_that_is_sent_in_the_clear_goes_through_no_proxy(
        self, make_client: MakeClient, broken: Failing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        broken.will(NO_POLICIES)
        assert policies(make_client(broken.url, KEY, retries=0)) == []
