"""What a recogniser held possible, and a check digit: which of the readings it confirms, and how far to believe that.

A reading is a field and its digit, as one word whose weighed sum must vanish modulo 10. The candidates of its places make a set
of words. Where the truth is among them, and only one of them passes, that one is the truth. So:

- The likeliest word passes, and no other: checked. Others pass too: unchecked.
- Not it, but one other passes, which differs in one place, and no word does in which besides a place was misread by the table of
  confusions: checked. It differs in more places, or such a word passes: the reading, unchecked. Several others pass: failed.
- None passes, but one word does in which a place was misread by the table: a guess, and unchecked, for it may undo an unusual
  misread elsewhere. None does, or several: failed.

Where the recogniser was sure of every place, and wrong in one, that is always found, but for characters that are alike to the
digit, being equal modulo 10: 0 A K U <, 1 B L V, 2 C M W, 3 D N X, 4 E O Y, 5 F P Z, 6 G Q, 7 H R, 8 I S, 9 J T. Of these 6 and
G, 8 and S, 1 and L, K and < are of near shapes. Where it was wrong and sure in several places, or in one while it doubts
another, a digit misses one combination in ten.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from visavis.document.mrz.layout import VALUES
from visavis.document.mrz.value import Standing

WORDS_MAX = 256
"""Of so many words a digit confirms some 25: no search among more is worth its time."""

_SETTLED = dict(zip("OQDILZASGTB", "00011245678", strict=True))
_SETTLED |= dict(zip("01245678", "OIZASGTB", strict=True))
"""Of two characters of near shapes, one a digit and one a letter, the other one."""

_GROUPS = (
    "0OQD", "OCG", "1ILT7J", "2Z7", "38B", "5S6", "568", "6G", "8BS0", "09", "4A", "7TY", "EFB", "FPR", "HNMW", "KXH", "UVWY",
    "RKB", "<KCELS",
)  # fmt: skip
CONFUSED = {
    character: "".join(sorted({other for group in _GROUPS if character in group for other in group} - {character}))
    for character in VALUES
}
"""Which characters each is mistaken for in OCR-B, worn, blurred or badly lit."""


@dataclass(frozen=True, slots=True)
class Word:
    """A field and its digit, as the recogniser left them.

    options: of each place the characters that are possible there, the likeliest first. allowed: of each place those of its type.
    weights: of each place; the digit's is -1. rest: what other fields add to the sum. fits: what a word must be besides.
    """

    options: Sequence[tuple[str, ...]]
    allowed: Sequence[str]
    weights: Sequence[int]
    rest: int
    fits: Callable[[str], bool]

    def _sum(self, word: Sequence[str]) -> int:
        return self.rest + sum(VALUES[each] * weight for each, weight in zip(word, self.weights, strict=True))

    def settle(self, *, guess: bool) -> tuple[str, Standing]:
        """The reading, and its standing. guess: whether to try the table of confusions where no candidates pass."""
        likeliest = tuple(each[0] for each in self.options)
        read = "".join(likeliest)
        sound = self._sum(likeliest) % 10 == 0
        passes = sound and self.fits(read)
        if prod(map(len, self.options)) > WORDS_MAX:
            return read, Standing.UNCHECKED if passes else Standing.FAILED
        found = [
            "".join(word) for word in product(*self.options) if self._sum(word) % 10 == 0 and self.fits("".join(word))
        ]
        if passes:
            return read, Standing.CHECKED if len(found) == 1 else Standing.UNCHECKED
        if sound:
            return read, Standing.FAILED  # as it may be printed: not even a date, and no cause to make one of it
        if found:
            best = min(found, key=self._unlikeliness)
            if len(found) > 1:
                return best, Standing.FAILED
            single = self._unlikeliness(best)[0] == 1
            return best, Standing.CHECKED if single and not self._misread() else Standing.UNCHECKED
        guesses = self._misread() if guess else set()
        return (guesses.pop(), Standing.UNCHECKED) if len(guesses) == 1 else (read, Standing.FAILED)

    def _unlikeliness(self, word: str) -> tuple[int, int]:
        """In how many places it is not the likeliest, and how far down the candidates."""
        ranks = [each.index(character) for each, character in zip(self.options, word, strict=True)]
        return len(ranks) - ranks.count(0), sum(ranks)

    def _misread(self) -> set[str]:
        """Words that pass with one place misread of which the recogniser was sure; two suffice."""
        found: set[str] = set()
        for word in self._mistaken():
            if self.fits(word):
                found.add(word)
                if len(found) == 2:
                    break
        return found

    def _mistaken(self) -> Iterator[str]:
        for word in product(*self.options):
            total = self._sum(word)
            for place, read in enumerate(word):
                for other in CONFUSED[read]:
                    if other not in self.allowed[place] or other in self.options[place]:
                        continue
                    if (total + (VALUES[other] - VALUES[read]) * self.weights[place]) % 10 == 0:
                        yield "".join((*word[:place], other, *word[place + 1 :]))


def typed(candidates: str, allowed: str) -> tuple[str, ...]:
    """The candidates of one place that its type allows, in their order, with those that it does not as their counterparts.

    Nothing where none is allowed and none has a counterpart.
    """
    settled = (each if each in allowed else _SETTLED.get(each, "") for each in candidates)
    return tuple(dict.fromkeys(each for each in settled if each and each in allowed))
