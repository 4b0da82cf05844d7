"""What the page says: everything that the service can tell its client, in every language, in few bytes."""

import json
import re
from importlib import resources

import pytest

from visavis.decision import PhotoReason
from visavis.pad import PadReason
from visavis.session import LIVENESS_FAILED, REVIEW_REQUESTED, Guidance, SessionStatus

WEB = resources.files("visavis") / "web"
MESSAGES: dict[str, dict[str, str]] = json.loads((WEB / "messages.json").read_bytes())
TOLD_APART = {"flat", "bent", "sides_disagree", "wrong_turn", "person_changed", "artefact"}
"""Reasons of what failed: a client is told `liveness_failed` for them all."""
SCRIPTS = [file for file in WEB.iterdir() if file.name.endswith(".js")]


def test_there_are_six_languages() -> None:
    assert set(MESSAGES) == {"en", "de", "fr", "es", "zh", "ar"}


@pytest.mark.parametrize("language", MESSAGES)
def test_each_says_the_same(language: str) -> None:
    said = MESSAGES[language]
    assert said.keys() == MESSAGES["en"].keys()
    for name, text in said.items():
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", MESSAGES["en"][name])), name
        assert text.strip() == text != ""


@pytest.mark.parametrize(
    "code",
    [
        *(code.value for code in Guidance),
        *(reason.value for reason in PadReason if reason.value not in TOLD_APART),
        *(reason.value for reason in PhotoReason),
        *(status.value for status in SessionStatus if status is not SessionStatus.REQUIRES_INPUT),
        LIVENESS_FAILED,
        REVIEW_REQUESTED,
        "score_below_threshold",
        "claim_refused",
        "code_unreadable",
        "overloaded",
        "rate_limited",
        "session_closed",
        "client_secret_refused",
        "consent_invalid",
    ],
)
def test_every_code_has_its_words(code: str) -> None:
    assert code in MESSAGES["en"]


def test_by_what_an_attack_was_known_is_not_even_in_the_page() -> None:
    assert not TOLD_APART & MESSAGES["en"].keys()


def test_no_code_of_the_service_is_written_again_in_a_script() -> None:
    listed = re.compile("|".join(rf"\b{code.value}\b" for code in Guidance if "_" in code.value))
    for script in SCRIPTS:
        assert not listed.findall(script.read_text(encoding="utf-8")), script.name


@pytest.mark.parametrize("language", MESSAGES)
def test_the_whole_page_is_small(language: str) -> None:
    """As it is sent, not packed: page, scripts, styles, signs and one language."""
    files = [file for file in WEB.iterdir() if file.name.endswith((".js", ".css", ".html", ".svg"))]
    words = json.dumps(MESSAGES[language], ensure_ascii=False, separators=(",", ":")).encode()
    assert sum(len(file.read_bytes()) for file in files) + len(words) < 60_000
