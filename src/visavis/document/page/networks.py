"""The two networks that ship with this room, and what is known of them."""

from pathlib import Path

from visavis.weights import InputContract, ModelCard

_FOLDER = Path(__file__).parent / "networks"
_PROVENANCE = """\
Made for visavis, and trained from nothing by benchmarks/train_mrz.py, on one core of a CPU: the reader for 20 minutes by the \
clock, the finder for 51 in three goes."""
_DATA = """\
Drawings alone, none of them of a document or a person: random characters in OCR-B (the free fonts OCRB and OCRBS of the Debian \
package fonts-ocr-b), stroke widths and ink varied, on drawn patterns and lettering, with simulated perspective, bending, light, \
blur, noise and JPEG. Print that is no OCR-B, and print that is worn in ways that were not drawn, was not seen."""

FINDER = ModelCard(
    id="mrz-finder-2026nov",
    purpose="zone_finding",
    file="mrz-finder-2026nov.onnx",
    sha256="603490facf5c8aec8d8772b1c7c3ec4be6c7eb43e27e5cd96e6f752fac2b4363",
    licence="Apache-2.0",
    provenance=_PROVENANCE,
    training_data=_DATA,
    input=InputContract(
        (1216, 1600), "RGB", (127.5,) * 3, (1 / 255,) * 3
    ),  # grey, at this size, its half and its quarter
    folder=_FOLDER,
)
READER = ModelCard(
    id="mrz-reader-2026nov",
    purpose="zone_reading",
    file="mrz-reader-2026nov.onnx",
    sha256="27abc9343ffc2b1b3ed1a0366cc9fe84f4698167eba158e54126bf8410d3c2f0",
    licence="Apache-2.0",
    provenance=_PROVENANCE,
    training_data=_DATA,
    input=InputContract((32, 1024), "RGB", (0.0,) * 3, (1.0,) * 3),
    folder=_FOLDER,
)
