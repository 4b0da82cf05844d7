"""Model files: where they come from, what is known of them, and engines to run them.

In: a model card and the places to look. Out: verified bytes, folded once, compiled and ready to run, and the model's
calibration table. Nothing is loaded whose SHA-256 is not the card's.
"""

from visavis.weights.cache import Cache, user_cache_folder
from visavis.weights.calibration import Calibration, Condition, FalseMatchRate
from visavis.weights.card import (
    Crop,
    InputContract,
    ModelCard,
    PadContract,
    Purpose,
    read_manifest,
    shipped_card,
    shipped_cards,
)
from visavis.weights.engine import ENGINES, CompiledModel, Engine, EngineName, Network, Precision, make_engine
from visavis.weights.locate import Found, Places, fetch, locate, read, write_atomically
from visavis.weights.store import ModelStore
from visavis.weights.threads import available_threads

__all__ = [
    "ENGINES",
    "Cache",
    "Calibration",
    "CompiledModel",
    "Condition",
    "Crop",
    "Engine",
    "EngineName",
    "FalseMatchRate",
    "Found",
    "InputContract",
    "ModelCard",
    "ModelStore",
    "Network",
    "PadContract",
    "Places",
    "Precision",
    "Purpose",
    "available_threads",
    "fetch",
    "locate",
    "make_engine",
    "read",
    "read_manifest",
    "shipped_card",
    "shipped_cards",
    "user_cache_folder",
    "write_atomically",
]
