import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visavis.api.rates import Rate
from visavis.errors import RateLimited


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def admitted(rate: Rate, name: str = "a") -> bool:
    try:
        rate.take(name)
    except RateLimited:
        return False
    return True


def test_all_of_a_minute_at_once_and_then_at_its_pace() -> None:
    clock = Clock()
    rate = Rate(6, clock)
    assert [admitted(rate) for _ in range(8)] == [True] * 6 + [False] * 2
    with pytest.raises(RateLimited) as refusal:
        rate.check("a")
    assert refusal.value.retry_after_s == pytest.approx(10)
    clock.now += 10
    assert [admitted(rate) for _ in range(2)] == [True, False]
    clock.now += 3600
    assert [admitted(rate) for _ in range(7)] == [True] * 6 + [False]


def test_names_count_apart_and_checking_counts_nothing() -> None:
    rate = Rate(1, Clock())
    for _ in range(5):
        rate.check("a")
    assert (admitted(rate), admitted(rate), admitted(rate, "b")) == (True, False, True)


@given(
    steps=st.lists(st.floats(0, 30), min_size=1, max_size=200),
    per_minute=st.integers(1, 60),
)
def test_never_more_than_two_minutes_worth_in_a_minute(steps: list[float], per_minute: int) -> None:
    clock, times = Clock(), list[float]()
    rate = Rate(per_minute, clock)
    for step in steps:
        clock.now += step
        if admitted(rate):
            times.append(clock.now)
    for first in times:
        assert sum(first <= each < first + 60 for each in times) <= 2 * per_minute


def test_names_that_are_done_with_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visavis.api.rates._PRUNED_AT", 10)
    clock = Clock()
    rate = Rate(60, clock)
    for number in range(50):
        clock.now += 1
        rate.take(str(number))
    assert len(rate._full_at) <= 10


def test_threads_are_counted_one_by_one() -> None:
    class Slow(Clock):
        def __call__(self) -> float:
            time.sleep(0.001)  # another thread's turn
            return self.now

    rate = Rate(5, Slow())
    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(lambda _: admitted(rate), range(40))) == 5


def test_names_are_forgotten_while_others_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visavis.api.rates._PRUNED_AT", 50)
    rate, start = Rate(60), threading.Barrier(8)

    def ask(number: int) -> None:
        start.wait()
        for each in range(1_000):
            rate.take(f"{number} {each}")

    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(ask, range(8)))
    finally:
        sys.setswitchinterval(usual)
