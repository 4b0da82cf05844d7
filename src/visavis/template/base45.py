"""Base45 (RFC 9285): bytes as the characters that a QR code packs most tightly, after four that say what they are."""

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_DIGITS = {character: value for value, character in enumerate(_ALPHABET)}


def encode(prefix: str, data: bytes) -> str:
    """The prefix, and two bytes as three characters each; a single last one as two."""
    groups = []
    for start in range(0, len(data), 2):
        pair = data[start : start + 2]
        high, low = divmod(int.from_bytes(pair, "big"), 45)
        groups.append(_ALPHABET[low])
        if len(pair) == 1:
            groups.append(_ALPHABET[high])
        else:
            groups.extend((_ALPHABET[high % 45], _ALPHABET[high // 45]))
    return prefix + "".join(groups)


def decode(prefix: str, text: str) -> bytes:
    """The inverse of `encode`. Raises ValueError for a text that it never writes with this prefix."""
    if not text.startswith(prefix):
        raise ValueError(f"expected {prefix}")
    text = text.removeprefix(prefix)
    out = bytearray()
    for start in range(0, len(text), 3):
        group = text[start : start + 3]
        try:
            value = sum(_DIGITS[character] * 45**place for place, character in enumerate(group))
            out += value.to_bytes(len(group) - 1 or -1, "big")
        except (KeyError, OverflowError, ValueError):
            raise ValueError(f"not Base45 at character {start}") from None
    return bytes(out)
