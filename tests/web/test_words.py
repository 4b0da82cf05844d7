"""What the page says: everything that the service can tell its client, in every language, in few bytes."""

import json
import re
from importlib import resources

import pytest

from visavis.api.page import page_files
from visavis.decision import PhotoReason
from visavis.decision.document import CHIP_REQUIRED, EXPIRED, PRESENCE_REQUIRED, UNCONFIRMED, UNKNOWN_EXPIRY
from visavis.document import FIELDS
from visavis.document.chip.passive import ChipReason
from visavis.document.page import PageReason
from visavis.document.value import PAGE_DIFFERS
from visavis.errors import ChipIncomplete, ChipMalformed, DocumentRefused
from visavis.pad import PadReason
from visavis.session import LIVENESS_FAILED, REVIEW_REQUESTED, Guidance, SessionStatus

WEB = resources.files("visavis") / "web"
MESSAGES: dict[str, dict[str, str]] = json.loads((WEB / "messages.json").read_bytes())
SENT = page_files()
TOLD_APART = {"flat", "bent", "sides_disagree", "wrong_turn", "person_changed", "artefact"}
"""Reasons of what failed: a client is told `liveness_failed` for them all."""
SCRIPTS = [file for file in WEB.iterdir() if file.name.endswith(".js")]
OF_DOCUMENTS = "document.js"


def said(name: str) -> dict[str, str]:
    """A file of messages, as it is sent."""
    told: dict[str, str] = json.loads(SENT[f"messages/{name}.json"])
    return told


def has_words(code: str, messages: dict[str, str]) -> bool:
    """Whether a code's own words are there, or those of its first word: see words.js."""
    return code in messages or code.split("_")[0] in messages


def test_there_are_six_languages() -> None:
    assert set(MESSAGES) == {"en", "de", "fr", "es", "zh", "ar"}


@pytest.mark.parametrize("language", MESSAGES)
def test_each_says_the_same(language: str) -> None:
    texts = MESSAGES[language]
    assert texts.keys() == MESSAGES["en"].keys()
    for name, text in texts.items():
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
    assert has_words(code, said("en"))


@pytest.mark.parametrize(
    "code",
    [
        *(reason.value for reason in PageReason),
        *(reason.value for reason in ChipReason),
        UNCONFIRMED,
        UNKNOWN_EXPIRY,
        EXPIRED,
        CHIP_REQUIRED,
        PRESENCE_REQUIRED,
        PAGE_DIFFERS,
        ChipMalformed.code,
        ChipIncomplete.code,
        DocumentRefused.code,
    ],
)
def test_every_code_about_documents_has_its_words(code: str) -> None:
    assert has_words(code, said("en") | said("en.document"))


@pytest.mark.parametrize("field", sorted(FIELDS | {"over"}))
def test_every_field_that_an_application_may_ask_for_has_a_name(field: str) -> None:
    assert f"field.{field}" in said("en.document")


def test_by_what_an_attack_was_known_is_not_even_in_the_page() -> None:
    assert not TOLD_APART & MESSAGES["en"].keys()


def test_no_code_of_the_service_is_written_again_in_a_script() -> None:
    codes = [code.value for code in (*Guidance, *PageReason) if "_" in code.value]
    listed = re.compile("|".join(rf"\b{code}\b" for code in codes))
    for script in SCRIPTS:
        assert not listed.findall(script.read_text(encoding="utf-8")), script.name


@pytest.mark.parametrize("language", MESSAGES)
def test_the_whole_page_is_small(language: str) -> None:
    """As it is sent, not packed: page, scripts, styles, signs and one language."""
    own = {OF_DOCUMENTS, f"messages/{language}.document.json"}
    shared = {name for name in SENT if not name.startswith("messages/")} - own | {f"messages/{language}.json"}
    weight = sum(len(SENT[name]) for name in shared)
    assert weight < 60_000
    assert weight + sum(len(SENT[name]) for name in own) < 69_000, "of a session about a document"
