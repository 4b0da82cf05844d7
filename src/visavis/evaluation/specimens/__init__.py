"""Drawn specimens of documents of Utopia, and photographs of them by simulation: what the reading of documents is measured on.

In: a portrait, an OCR-B font and a generator. Out: a `Specimen` with its zone's right lines, and photos of it under `Conditions`.
"""

from visavis.evaluation.specimens.conditions import Conditions, Fault, Glare
from visavis.evaluation.specimens.draw import OCR_B, SIZES_MM, Mount, Specimen, draw_specimen
from visavis.evaluation.specimens.holder import Holder
from visavis.evaluation.specimens.photograph import photograph, photograph_jpeg

__all__ = [
    "OCR_B",
    "SIZES_MM",
    "Conditions",
    "Fault",
    "Glare",
    "Holder",
    "Mount",
    "Specimen",
    "draw_specimen",
    "photograph",
    "photograph_jpeg",
]
