"""The field's words (ISO/IEC 2382-37, 19795-1, 30107-3), each explained where a report first uses it."""

from visavis.evaluation.html.markup import Html, joined, tag

_TERMS = {
    "mated": "A comparison of two photos of the same subject; non-mated, of two different subjects.",
    "comparison score": (
        "How alike two faces are to the model: the cosine between their embeddings, from −1 to 1. At or above the threshold, "
        "the answer is a match."
    ),
    "FMR": "False match rate: the share of non-mated comparisons that reach the threshold all the same. A stranger passes.",
    "FNMR": (
        "False non-match rate: the share of mated comparisons that stay below the threshold. The right person is missed."
    ),
    "interval": (
        "Made so that in 95 of 100 such data sets it would hold the true rate. Subjects are drawn anew, not comparisons, "
        "because the photos of one person fail together."
    ),
    "rule of 30": (
        "A rate is called supported when 30 errors or more were seen. With 30 independent errors the truth lies within 30 % "
        "of the rate, nine times in ten."
    ),
    "rule of 3": (
        "Where no error was seen the rate is not zero: three divided by the number of independent trials is a 95 % upper "
        "bound."
    ),
    "EER": "Equal error rate: where FMR and FNMR are the same. It compares systems; nobody should run one there.",
    "DET": (
        "Detection error trade-off: every point is a threshold. The axes are stretched as normal deviates, which makes the "
        "curve of two normal distributions a straight line. Nearer the lower left is better."
    ),
    "ROC": (
        "Receiver operating characteristic: the same trade-off as matches won over false matches. Nearer the upper left is "
        "better."
    ),
    "FTA": "Failure to acquire: the share of photos from which there is no face to compare.",
    "FTE": "Failure to enrol: the share of photos that cannot become a reference.",
    "bona fide": "As the system is meant to be used: people who claim to be themselves and present their own face.",
    "FRR": (
        "False rejection rate: the share of bona fide transactions that are turned away, photos that could not be acquired "
        "included. GFRR counts those who could not be enrolled too."
    ),
    "FAR": (
        "False acceptance rate: the share of transactions by someone else that are accepted. GFAR counts that a reference "
        "which was never enrolled cannot be attacked."
    ),
    "error versus discard": (
        "Comparisons are left out, those with the poorest photo first (ISO/IEC 29794-1). If the measure tells anything about "
        "errors, FNMR falls."
    ),
    "worst to mean": (
        "The worst group's rate over the geometric mean of all groups' (ISO/IEC 19795-10). 1 would be equal treatment."
    ),
    "PAI species": "A kind of presentation attack instrument: a print, a screen, a mask, all made in one way.",
    "APCER": (
        "Attack presentation classification error rate: the share of one species' presentations that are taken as bona fide."
    ),
    "BPCER": (
        "Bona fide presentation classification error rate: the share of bona fide presentations that are taken as attacks."
    ),
    "APNRR": (
        "Attack presentation non-response rate, BPNRR the bona fide one: presentations to which nothing was answered. They "
        "are in no other rate of the subsystem."
    ),
    "IAPAR": (
        "Impostor attack presentation accept rate: the share of one species' presentations that the whole system accepts, "
        "attack detection and comparison together."
    ),
    "RIAPAR": (
        "Relative impostor attack presentation accept rate: IAPAR of the worst species plus FRR. The price of both at once."
    ),
}


class Terms:
    """Explains each word once in a page."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def __call__(self, *names: str) -> Html:
        """The explanations of those words that had none before; nothing where all had."""
        new = [name for name in names if name not in self._told]
        self._told.update(new)
        if not new:
            return Html("")
        lines = (tag("div", tag("dt", tag("dfn", name)), tag("dd", _TERMS[name])) for name in new)
        return tag("dl", joined(lines), class_="terms")
