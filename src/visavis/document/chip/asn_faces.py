"""Face records by ISO/IEC 39794-5:2019, as Doc 9303-10 has them in DG2 since its 8th edition.

A1 { 65 { A0 version, A1 representations { 30 { 80 number, A1 { A0 { A0 { 80 picture, A1 { A0 { 80 format } … } … } } } … } } } }

Tags are those of the ASN.1 module that ICAO published for travel documents (id-icao-iso-iec-39794-5-ed-1-v1), which has
automatic context tags, and one more level of them at each CHOICE. It names one representation, in two dimensions. All else
(quality, capture device, landmarks, sizes, what it says of a person) is optional there, in any combination, and is not read.

Written from that module and from descriptions of ICAO's two sample files; no file that a state issued was at hand to try it on.

This software makes use of the Schema from ISO/IEC 39794-5 within modifications permitted in the relevant ISO/IEC standard.
"""

from visavis.document.chip.portrait import FaceImage
from visavis.document.chip.tlv import Tlv, read_tlv
from visavis.errors import ChipMalformed

_RECORD, _BLOCK, _SEQUENCE = 0xA1, 0x65, 0x30
_REPRESENTATIONS, _REPRESENTATION, _BASE, _FLAT = 0xA1, 0xA1, 0xA0, 0xA0
_PICTURE, _INFORMATION, _FORMAT, _CODE = 0x80, 0xA1, 0xA0, 0x80
_FORMATS = (b"\x02", b"\x03", b"\x04")
"""jpeg, jpeg2000Lossy, jpeg2000Lossless; png and others are in the standard and not in its profile."""


def read_asn_record(record: bytes) -> FaceImage:
    """The picture of one record. Raises ChipMalformed."""
    block = Tlv(_BLOCK, _inner(read_tlv(record, tag=_RECORD), _BLOCK))
    representations = Tlv(_SEQUENCE, _inner(block, _REPRESENTATIONS)).elements()
    if [each.tag for each in representations] != [_SEQUENCE]:
        raise ChipMalformed("a face record holds another number of representations than one")
    flat = representations[0]
    for tag in (_REPRESENTATION, _BASE, _FLAT):
        flat = Tlv(tag, _inner(flat, tag))
    data_format = Tlv(_FORMAT, _inner(Tlv(_INFORMATION, _inner(flat, _INFORMATION)), _FORMAT))
    if _inner(data_format, _CODE) not in _FORMATS:
        raise ChipMalformed("the picture of a face record is neither JPEG nor JPEG 2000")
    return FaceImage.of(_inner(flat, _PICTURE))


def _inner(element: Tlv, tag: int) -> bytes:
    fields = element.fields()
    if tag not in fields:
        raise ChipMalformed(f"a face record lacks the element {tag:02X} in {element.tag:02X}")
    return fields[tag]
