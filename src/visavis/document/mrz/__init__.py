"""The machine-readable zone of an identity document, as text: read, checked, repaired and written (ICAO Doc 9303, parts 3 to 7).

In: lines as a chip holds them (`split_zone`), or as a recogniser read them with what else it held possible. Out: a
`MachineReadableZone`, each of whose fields says whether check digits confirm it. They tell a misread, and never a forgery.
"""

from visavis.document.mrz.layout import ALPHABET, check_digit, split_zone
from visavis.document.mrz.names import transliterate
from visavis.document.mrz.read import read_zone
from visavis.document.mrz.value import Field, MachineReadableZone, MrzFormat, Standing
from visavis.document.mrz.write import write_zone

__all__ = [
    "ALPHABET",
    "Field",
    "MachineReadableZone",
    "MrzFormat",
    "Standing",
    "check_digit",
    "read_zone",
    "split_zone",
    "transliterate",
    "write_zone",
]
