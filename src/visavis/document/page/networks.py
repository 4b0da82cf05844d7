"""The two networks that ship with this room: they were drawn for, and trained on nothing but drawings (benchmarks/train_mrz.py)."""

from pathlib import Path

from visavis.weights import InputContract, ModelCard

_FOLDER = Path(__file__).parent / "networks"
_PROVENANCE = """\
Made for visavis, and trained from nothing on one core of a CPU by benchmarks/train_mrz.py, which is part of its source."""
_DATA = """\
Drawings alone, none of them of a document or a person: random characters in OCR-B (the free fonts OCRB and OCRBS of the Debian \
package fonts-ocr-b), stroke widths and ink varied, on drawn patterns and lettering, with simulated perspective, bending, light, \
blur, noise and JPEG. Print that is no OCR-B, and print that is worn in ways that were not drawn, was not seen."""

FINDER = ModelCard(
    id="mrz-finder-2025nov",
    purpose="zone_finding",
    file="mrz-finder-2025nov.onnx",
    sha256="43001061964f0f77046df56a0f5fd1cafb85ac3989feccd73ab111730d7a11a6",
    licence="Apache-2.0",
    provenance=_PROVENANCE,
    training_data=_DATA,
    input=InputContract((1216, 1600), "RGB", (127.5,) * 3, (1 / 255,) * 3),
    folder=_FOLDER,
)
READER = ModelCard(
    id="mrz-reader-2025nov",
    purpose="zone_reading",
    file="mrz-reader-2025nov.onnx",
    sha256="27abc9343ffc2b1b3ed1a0366cc9fe84f4698167eba158e54126bf8410d3c2f0",
    licence="Apache-2.0",
    provenance=_PROVENANCE,
    training_data=_DATA,
    input=InputContract((32, 1024), "RGB", (0.0,) * 3, (1.0,) * 3),
    folder=_FOLDER,
)
