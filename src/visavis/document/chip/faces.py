"""EF.DG2: the holder's portrait, in biometric information templates (ICAO Doc 9303-10, 4.7.2; ISO/IEC 7816-11).

75 { 7F61 { 02 count, 7F60 { A1 header, 5F2E or 7F2E record } … } }. The header's version, dates and format numbers are not
read: what a record is, its first bytes say. Of several pictures the first is read, and no other. Two formats are taken:

ISO/IEC 19794-5:2005, in binary: a header of 14 bytes ("FAC", "010", the record's length, how many images), and for each image
its information (20 bytes, which begin with the length of all that belongs to it and the number of feature points), feature
points (8 bytes each), image information (12 bytes, the second of which is the format of the picture) and the picture.

ISO/IEC 39794-5:2019 in the profile for travel documents of Doc 9303's 8th edition, in BER: see `asn_faces`.

What records say of sex, eyes, hair, expression and pose is never read.
"""

from visavis.document.chip.asn_faces import read_asn_record
from visavis.document.chip.portrait import FaceImage
from visavis.document.chip.tlv import Tlv, read_tlv
from visavis.errors import ChipMalformed

_FILE, _GROUP, _COUNT, _TEMPLATE, _HEADER, _RECORDS = 0x75, 0x7F61, 0x02, 0x7F60, 0xA1, (0x5F2E, 0x7F2E)
_TEMPLATES_MAX = 9
_IMAGES_MAX = 16
_FORMAT, _VERSION = b"FAC\0", b"010\0"
_RECORD_HEADER, _FACE_INFORMATION, _FEATURE_POINT, _IMAGE_INFORMATION = 14, 20, 8, 12
_JPEG, _JPEG2000 = 0, 1
_UNCOUNTED = 8
"""How much too short the record's length is on some chips, whose writers left the first two words out."""


def read_face(data: bytes) -> FaceImage:
    """The first picture of DG2; a chip holds one as a rule. Raises ChipMalformed."""
    groups = read_tlv(data, tag=_FILE).elements()
    if [each.tag for each in groups] != [_GROUP]:
        raise ChipMalformed("DG2 holds something else than one group of biometric templates")
    elements = groups[0].elements()
    templates = elements[1:]
    if not 1 <= len(templates) <= _TEMPLATES_MAX or elements[0] != Tlv(_COUNT, bytes([len(templates)])):
        raise ChipMalformed("DG2 has not as many templates as it says, or more than it may have")
    template = templates[0]
    elements = template.elements()
    if template.tag != _TEMPLATE or len(elements) != 2 or elements[0].tag != _HEADER or elements[1].tag not in _RECORDS:
        raise ChipMalformed("a biometric template of DG2 is not a header and one record")
    record = elements[1].value
    return _read_binary_record(record) if record.startswith(_FORMAT) else read_asn_record(record)


def _read_binary_record(record: bytes) -> FaceImage:
    """The first one of a record by ISO/IEC 19794-5:2005, clause 5."""
    length, images = int.from_bytes(record[8:12], "big"), int.from_bytes(record[12:14], "big")
    if record[4:8] != _VERSION or length not in (len(record), len(record) - _UNCOUNTED):
        raise ChipMalformed("a face record is of another version than 010, or of another length than it says")
    if not 1 <= images <= _IMAGES_MAX:
        raise ChipMalformed(f"a face record holds no image, or more than {_IMAGES_MAX}")
    end = _RECORD_HEADER + int.from_bytes(record[14:18], "big")
    points = int.from_bytes(record[18:20], "big")
    information = _RECORD_HEADER + _FACE_INFORMATION + points * _FEATURE_POINT
    start = information + _IMAGE_INFORMATION
    if not start < end <= len(record):
        raise ChipMalformed("an image of a face record is longer than the record, or empty")
    if record[information + 1] not in (_JPEG, _JPEG2000):
        raise ChipMalformed("an image of a face record is neither JPEG nor JPEG 2000")
    return FaceImage.of(record[start:end])
