"""Made-up scores, people and data sets of which the truth is known."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from visavis.evaluation.acquisition import Acquired
from visavis.evaluation.scores import EDGES, Comparisons, PairScores, bins
from visavis.face import MEASURES

Floats = NDArray[np.float64]


def pair_scores(
    first: NDArray[np.integer], second: NDArray[np.integer], score: Floats, mated: NDArray[np.bool_]
) -> PairScores:
    """The scores of pairs, sorted into what the evaluation works on."""
    every = Comparisons(first.astype(np.int32), second.astype(np.int32), score.astype(np.float32))
    others = every[~mated]
    counts = np.bincount(bins(others.score), minlength=len(EDGES)).astype(np.int64)
    return PairScores(every[mated], counts, others, -1.0)


@dataclass(frozen=True)
class Population:
    """Subjects of whom some err more than others.

    Non-mated scores are normal, 0.1 wide, and `shared` of that deviation is each of the two subjects' own. Mated scores are
    normal, 0.1 wide around a mean that is the subject's own: `own` wide, and `easier` higher with each photo more.
    photos: how many a subject may have, all equally often.
    """

    subjects: int
    photos: tuple[int, ...]
    shared: float = 0.0
    own: float = 0.0
    easier: float = 0.0

    def draw(self, seed: int) -> tuple[PairScores, NDArray[np.int32]]:
        """The scores of all pairs of a sample, and the subject of each image."""
        random = np.random.default_rng(seed)
        photos = random.choice(self.photos, self.subjects)
        subject = np.repeat(np.arange(self.subjects), photos).astype(np.int32)
        first, second = np.triu_indices(len(subject), 1)
        mated = subject[first] == subject[second]
        effect = random.normal(0, self.shared, self.subjects)
        mean = np.array([self._mean(count) for count in photos]) + random.normal(0, self.own, self.subjects)
        noise = random.normal(0, 1, len(first))
        others = effect[subject[first]] + effect[subject[second]] + np.sqrt(0.01 - 2 * self.shared**2) * noise
        score = np.where(mated, mean[subject[first]] + 0.1 * noise, others)
        return pair_scores(first, second, np.clip(score, -1, 1), mated), subject

    def fmr(self) -> Floats:
        """(2049,) the truth at every edge."""
        return np.array([1 - NormalDist(0, 0.1).cdf(edge) for edge in EDGES])

    def fnmr(self, *, by_subject: bool = False) -> Floats:
        """(2049,) the truth: of a random mated pair, or of a random pair of a random subject."""
        width = float(np.hypot(0.1, self.own))
        weight = np.array([1.0 if by_subject else count * (count - 1) for count in self.photos])
        of_count = [[NormalDist(self._mean(count), width).cdf(edge) for edge in EDGES] for count in self.photos]
        return np.asarray(weight @ np.array(of_count) / weight.sum())

    def _mean(self, photos: int) -> float:
        return 0.5 + self.easier * (photos - float(np.mean(self.photos)))


def exact_vectors(random: np.random.Generator, count: int) -> NDArray[np.float32]:
    """(count, 16) vectors whose scores are exact in float32, in whatever order a product is summed up.

    Scores are multiples of 2**-12, a quarter of a step, so that many lie on an edge. Some vectors repeat, some are opposite,
    and some a little longer than 1.
    """
    vectors = random.integers(-12, 13, (count, 16)) / 64
    ones = np.full(16, 0.25)  # of length 1
    for special in (ones, -ones, ones * (1 + 2**-10), -ones * (1 + 2**-10)):
        vectors[random.random(count) < 0.08] = special
    repeated = np.flatnonzero(random.random(count) < 0.1)
    if count:
        vectors[repeated] = vectors[random.integers(0, count, len(repeated))]
    return vectors.astype(np.float32)


def people(random: np.random.Generator, photos: list[int], spread: float = 0.9) -> NDArray[np.float32]:
    """(N, 16) unit vectors around a centre for each person, who has so many photos."""
    centre = random.normal(0, 1, (len(photos), 16))
    vectors = np.repeat(centre, photos, axis=0) + random.normal(0, spread, (sum(photos), 16))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def acquired(
    random: np.random.Generator, vectors: NDArray[np.float32], reasons: dict[int, str] | None = None
) -> Acquired:
    """Photos that gave these vectors. reasons: by number, of photos that a verification would not compare; those whose reason
    starts with "image_" or is "no_face" have no embedding."""
    count = len(vectors)
    told = tuple((reasons or {}).get(number, "") for number in range(count))
    embedded = np.array([not (reason.startswith("image_") or reason == "no_face") for reason in told], dtype=np.bool_)
    return Acquired(
        image_sha256=random.integers(0, 256, (count, 32)).astype(np.uint8),
        vectors=np.where(embedded[:, None], vectors, 0).astype(np.float32),
        embedded=embedded,
        reasons=told,
        inter_eye_distance_px=np.where(embedded, random.uniform(40, 200, count), 0).astype(np.float32),
        faces=np.zeros((count, 14), np.float32),
        quality=random.integers(0, 101, (count, len(MEASURES))).astype(np.float32),
    )
