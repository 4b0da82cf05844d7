"""API keys: shown once, kept as hashes, revocable."""

import pytest

from tests.session import Clock, Spy, log
from visavis.errors import ApiKeyRefused, InputInvalid
from visavis.session import API_KEY_PREFIX, Scope, Vault, authenticate, make_api_key, revoke_api_key
from visavis.session.access import USED_EVERY

SCOPES = (Scope.REPORTS, Scope.COMPARISONS)


def test_a_key_says_whose_it_is_and_what_for(vault: Vault) -> None:
    key, text = make_api_key(vault, application="shop", scopes=SCOPES)
    assert text.startswith(API_KEY_PREFIX)
    assert text not in repr(key)
    found = authenticate(vault, text)
    assert (found.id, found.application, found.scopes) == (key.id, "shop", frozenset(SCOPES))
    assert log(vault)[-1]["event"] == "api_key_made"
    assert log(vault)[-1]["details"] == {
        "key": key.id,
        "application": "shop",
        "scopes": "comparisons verification_reports",
    }


def test_its_text_is_nowhere(vault: Vault) -> None:
    key, text = make_api_key(vault, application="shop", scopes=SCOPES)
    secret = text.split("_", 2)[2]
    with vault.store.reading() as tx:
        kept = tx.api_keys.get(key.id)
    assert kept is not None
    assert secret.encode() not in kept.hash
    assert secret not in str(log(vault))


@pytest.mark.parametrize("change", ["another", "unknown", "shorter", "longer", "empty", "revoked", "case"])
def test_no_other_text_is_one(change: str, vault: Vault) -> None:
    key, text = make_api_key(vault, application="shop", scopes=SCOPES)
    _, other = make_api_key(vault, application="shop", scopes=SCOPES)
    wrong = {
        "another": text[:21] + other[21:],
        "unknown": text[:4] + "0" * 16 + text[20:],
        "shorter": text[:-1],
        "longer": text + "A",
        "empty": "",
        "revoked": text,
        "case": text.swapcase(),
    }[change]
    if change == "revoked":
        revoke_api_key(vault, key.id)
    with pytest.raises(ApiKeyRefused) as refusal:
        authenticate(vault, wrong)
    assert refusal.value.code == "api_key_refused"
    assert "no such API key, or it was revoked" in str(refusal.value)


def test_an_unknown_key_takes_the_same_work_as_a_wrong_one(vault: Vault) -> None:
    _, text = make_api_key(vault, application="shop", scopes=SCOPES)
    spy = Spy(vault)
    wrong = spy.during(lambda: authenticate(spy.vault, text[:-1] + ("A" if text[-1] != "A" else "B")))
    unknown = spy.during(lambda: authenticate(spy.vault, text[:4] + "0" * 16 + text[20:]))
    assert wrong == unknown == ["reading", "api_keys.hash_of"]


def test_its_last_use_is_noted_once_a_minute(vault: Vault, clock: Clock) -> None:
    key, text = make_api_key(vault, application="shop", scopes=SCOPES)
    assert authenticate(vault, text).last_used_at is None
    first = clock.now
    clock.now += USED_EVERY / 2
    assert authenticate(vault, text).last_used_at == first
    clock.now += USED_EVERY / 2
    authenticate(vault, text)
    with vault.store.reading() as tx:
        kept = tx.api_keys.get(key.id)
    assert kept is not None
    assert kept.last_used_at == clock.now


def test_revoking_twice_is_logged_once(vault: Vault) -> None:
    key, _ = make_api_key(vault, application="shop", scopes=SCOPES)
    revoke_api_key(vault, key.id)
    revoke_api_key(vault, key.id)
    assert [entry["event"] for entry in log(vault)] == ["api_key_made", "api_key_revoked"]
    with pytest.raises(InputInvalid, match="no API key with this id"):
        revoke_api_key(vault, "key_0")


@pytest.mark.parametrize("application", ["", "Shop", "a b", "x" * 65, "-shop", "läden"])
def test_an_applications_name_that_cannot_be_one(application: str, vault: Vault) -> None:
    with pytest.raises(InputInvalid, match="an application's name"):
        make_api_key(vault, application=application, scopes=SCOPES)
    assert log(vault) == []


def test_a_key_for_nothing_is_not_made(vault: Vault) -> None:
    with pytest.raises(InputInvalid, match="could do nothing"):
        make_api_key(vault, application="shop", scopes=())
