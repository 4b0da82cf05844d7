"""Damage to good inputs, for tests of what reads them. Seeded: the same sources are damaged alike every time."""

import random
from collections.abc import Callable, Iterator, Sequence

Mutation = Callable[[random.Random, bytes, bytes], bytes]
"""From a generator, an input and another one to a damaged input."""


def cut(rng: random.Random, data: bytes, other: bytes) -> bytes:
    place = rng.randrange(len(data))
    return rng.choice((data[:place], data[place:]))


def insert(rng: random.Random, data: bytes, other: bytes) -> bytes:
    place = rng.randrange(len(data) + 1)
    return data[:place] + rng.randbytes(rng.choice((1, 2, 8, 100))) + data[place:]


def remove(rng: random.Random, data: bytes, other: bytes) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + data[place + rng.choice((1, 2, 8, 100)) :]


def duplicate(rng: random.Random, data: bytes, other: bytes) -> bytes:
    place = rng.randrange(len(data))
    return data[: place + rng.choice((1, 4, 40))] + data[place:]


def splice(rng: random.Random, data: bytes, other: bytes) -> bytes:
    return data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :]


def mutated(
    name: str, sources: Sequence[bytes], mutations: Sequence[Mutation], count: int, *, seed: int
) -> Iterator[tuple[str, bytes]]:
    """`count` damaged inputs, and how each was damaged."""
    for number in range(count):
        rng = random.Random(f"{seed} {name} {number}")  # noqa: S311 - damage, not secrets
        mutate = mutations[number % len(mutations)]
        yield f"{name} {number} {mutate.__name__}", mutate(rng, rng.choice(sources), rng.choice(sources))
