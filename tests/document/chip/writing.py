"""Writes the files of a chip, as issuers do: what the readers are tried on, and what signatures are made over."""

from collections.abc import Iterable, Sequence

FACE_19794, FACE_39794 = "ISO/IEC 19794-5:2005", "ISO/IEC 39794-5:2019"


def tlv(tag: int, *values: bytes, length_bytes: int = 0) -> bytes:
    """One element in BER. length_bytes: how many the length takes beyond its first; as few as can be where it is 0."""
    value = b"".join(values)
    if len(value) >= 0x80 and not length_bytes:
        length_bytes = (len(value).bit_length() + 7) // 8
    length = bytes([0x80 | length_bytes]) if length_bytes else b""
    return hex_bytes(tag) + length + len(value).to_bytes(length_bytes or 1, "big") + value


def hex_bytes(number: int) -> bytes:
    """As few bytes as hold it: a tag, or several one after another."""
    return number.to_bytes((number.bit_length() + 7) // 8 or 1, "big")


def com(group_tags: bytes = b"\x61\x75", *, lds: bytes = b"0108", unicode: bytes = b"040000") -> bytes:
    return tlv(0x60, tlv(0x5F01, lds), tlv(0x5F36, unicode), tlv(0x5C, group_tags))


def dg1(zone: str | Sequence[str]) -> bytes:
    """zone: its lines, or all of them as one text."""
    return tlv(0x61, tlv(0x5F1F, "".join(zone).encode()))


def dg2(*pictures: bytes, encoding: str = FACE_19794) -> bytes:
    """Each picture, JPEG or JPEG 2000, in a template of its own."""
    records = [binary_record(each) if encoding == FACE_19794 else asn_record(each) for each in pictures]
    return dg2_of(*(template(each, constructed=encoding == FACE_39794) for each in records))


def dg2_of(*templates: bytes, count: int | None = None) -> bytes:
    number = bytes([len(templates) if count is None else count])
    return tlv(0x75, tlv(0x7F61, tlv(0x02, number), *templates))


def template(record: bytes, *, constructed: bool = False) -> bytes:
    header = (tlv(0x80, b"\1\1"), tlv(0x81, b"\2"), tlv(0x87, b"\1\1"), tlv(0x88, b"\0\x08"))
    return tlv(0x7F60, tlv(0xA1, *header), tlv(0x7F2E if constructed else 0x5F2E, record))


def binary_record(*pictures: bytes, points: int = 0, uncounted: int = 0, version: bytes = b"010\0") -> bytes:
    """A face record of ISO/IEC 19794-5:2005. points: how many feature points; uncounted: what its length leaves out."""
    images = b"".join(binary_image(each, points=points) for each in pictures)
    length = (14 + len(images) - uncounted).to_bytes(4, "big")
    return b"FAC\0" + version + length + len(pictures).to_bytes(2, "big") + images


def binary_image(picture: bytes, *, points: int = 0) -> bytes:
    """Information of the face, feature points and information of the image, all of it unspecified but what it must say."""
    length = (20 + 8 * points + 12 + len(picture)).to_bytes(4, "big")
    features = b"".join(bytes([1, 0x31 + number, 0, 60 + number, 0, 80, 0, 0]) for number in range(points))
    data_type = 0 if picture.startswith(b"\xff\xd8") else 1
    image = bytes([1, data_type]) + bytes(4) + bytes([1, 2]) + bytes(4)
    return length + points.to_bytes(2, "big") + bytes(14) + features + image + picture


def asn_record(picture: bytes, *, optional: bool = False, code: int | None = None) -> bytes:
    """A face record of ISO/IEC 39794-5:2019. optional: with some of what its profile lets a writer add at every level."""
    if code is None:
        code = 2 if picture.startswith(b"\xff\xd8") else 3
    size = tlv(0xA7, tlv(0x80, b"\1\x9d"), tlv(0x81, b"\2\x13"))
    information = tlv(0xA1, tlv(0xA0, tlv(0x80, bytes([code]))), size if optional else b"")
    device = tlv(0xA2, tlv(0xA1, tlv(0xA1, tlv(0x80, b"\2"))))
    flat = tlv(0xA0, tlv(0x80, picture), information, device if optional else b"")
    captured = tlv(0xA2, tlv(0x80, b"\7\xea"), tlv(0x81, b"\3"))
    point = tlv(0x30, tlv(0xA0, tlv(0xA0, tlv(0xA0, tlv(0xA1, tlv(0x80, b"\x16"))))))
    others = (captured, tlv(0x85, b"\1"), tlv(0xA9, point, point)) if optional else ()
    representation = tlv(0x30, tlv(0x80, b"\0"), tlv(0xA1, tlv(0xA0, flat)), *others)
    version = tlv(0xA0, tlv(0x80, b"\3"), tlv(0x81, b"\7\xe3"))
    return tlv(0xA1, tlv(0x65, version, tlv(0xA1, representation)))


def dg11(
    *,
    name: str | None = None,
    other_names: Iterable[str] = (),
    personal_number: str | None = None,
    birth_date: bytes | None = None,
    birth_place: str | None = None,
    address: str | None = None,
    profession: str | None = None,
    bare: bool = False,
) -> bytes:
    """bare: other names stand without a list round them, as some chips have it."""
    others = [tlv(0x5F0F, each.encode()) for each in other_names]
    lists = others if bare or not others else [tlv(0xA0, tlv(0x02, bytes([len(others)])), *others)]
    fields: list[tuple[int, str | bytes | None]] = [
        (0x5F10, personal_number), (0x5F2B, birth_date), (0x5F11, birth_place), (0x5F42, address), (0x5F13, profession),
    ]  # fmt: skip
    return _tagged(0x6B, [(0x5F0E, name)], [0x5F0F] if others else [], lists, fields)


def dg12(*, authority: str | None = None, issue_date: bytes | None = None, endorsements: str | None = None) -> bytes:
    return _tagged(0x6C, [(0x5F19, authority), (0x5F26, issue_date)], [], [], [(0x5F1B, endorsements)])


def _tagged(
    file: int,
    first: list[tuple[int, str | bytes | None]],
    list_tags: list[int],
    lists: list[bytes],
    last: list[tuple[int, str | bytes | None]],
) -> bytes:
    """A file whose first element lists the tags of what follows."""
    before, after = ([(tag, value) for tag, value in each if value is not None] for each in (first, last))
    tags = [*(tag for tag, _ in before), *list_tags, *(tag for tag, _ in after)]
    written = [
        [tlv(tag, value if isinstance(value, bytes) else value.encode()) for tag, value in each]
        for each in (before, after)
    ]
    return tlv(file, tlv(0x5C, *map(hex_bytes, tags)), *written[0], *lists, *written[1])
