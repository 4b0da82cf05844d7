"""Nothing biometric and no secret was said by anything in the whole run. These tests run last."""

import numpy as np
import pytest

from tests.conftest import OVERHEARD
from tests.overheard import Overheard
from visavis.embedding import Embedding
from visavis.errors import InputInvalid
from visavis.template import Claim, ClaimType, Secret


def test_nothing_was_said_of_what_is_secret() -> None:
    found = sorted(OVERHEARD.found())
    assert not found, "\n".join(found[:20])


@pytest.mark.parametrize(
    ("what", "secret"),
    [
        ("a claim", "VC1:6BFOXN*TS0BI$ZD-PHQ7I9AD66V5B22CH9M9ESI9XBHXK-%69LQOGI.*V76GCV4"),
        ("an API key", "k7Qm" * 10 + "xYz"),
    ],
)
def test_it_would_be_heard(what: str, secret: str) -> None:
    heard = Overheard()
    heard.keep(what, secret)
    heard.say("a log", "request 12 of application shop")
    heard.say("a log", f'{{"detail": "{secret[:-1]}"}}')
    assert heard.counts()[0] == 2
    if "*" not in secret:
        assert heard.found() == set()  # a part of a word is another word
    heard.say("a log", f'{{"detail": "id={secret}!"}}')
    assert any(each.startswith(f"{what} in a log") for each in heard.found())


@pytest.mark.parametrize("write", [bytes.hex, repr, str])
def test_bytes_would_be_heard_however_they_are_written(write: object) -> None:
    heard = Overheard()
    data = bytes(range(130, 200))
    heard.keep_bytes("a photo", data)
    heard.say("a fault", f"expected a photo, got {write(data)}")  # type: ignore[operator]
    assert len(heard.found()) >= 1


def test_the_whole_run_is_listened_to() -> None:
    """What is made or raised here is heard, as it is everywhere else."""
    before = OVERHEARD.counts()
    InputInvalid("a fault that nobody raised before, and nobody raises again")
    Claim(bytes(16), Secret.random(), ClaimType.RANDOM).text()
    vector = np.random.default_rng().normal(size=128).astype(np.float32)
    Embedding(vector / np.linalg.norm(vector), 64 * "0")
    said, secret = OVERHEARD.counts()
    assert said == before[0] + 1
    assert secret > before[1] + 8
