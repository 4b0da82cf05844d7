"""Error rates over labelled data: a data set and a verifier in, figures to ISO/IEC 19795-1 with their intervals out.

Names of subjects never enter a report: rates alone do, and row numbers where someone asks for the hardest pairs.
"""

from visavis.evaluation.acquisition import Acquired, acquire_all
from visavis.evaluation.attacks import AttackScores, attack_figures
from visavis.evaluation.dataset import Dataset, Grouping, Pairs, from_folder, parse
from visavis.evaluation.degrade import DEGRADATIONS
from visavis.evaluation.documents import degraded
from visavis.evaluation.evaluate import FMR_TARGETS, About, Options, evaluate
from visavis.evaluation.table import calibration_table

__all__ = [
    "DEGRADATIONS",
    "FMR_TARGETS",
    "About",
    "Acquired",
    "AttackScores",
    "Dataset",
    "Grouping",
    "Options",
    "Pairs",
    "acquire_all",
    "attack_figures",
    "calibration_table",
    "degraded",
    "evaluate",
    "from_folder",
    "parse",
]
