"""Proof that the chip itself is there, and not a copy of its files, over a challenge of the server's (Doc 9303-11, 6).

Whoever has read a chip once can show its files for ever, and passive authentication accepts them. Its private keys cannot be
read. Active authentication has the chip sign with one; chip authentication agrees on keys with one. A document has either, both
or none (`presence_methods`), and chip authentication is the stronger where there is a choice.

An app stands between the server and the chip, and passes commands (APDUs of ISO/IEC 7816-4) on:

1. The app opens the chip by PACE or basic access control, and reads the files. All that follows happens in that session and
   under its secure messaging: the app protects each command that it is handed, and takes the protection off each response.
2. The app sends EF.DG14 and EF.DG15, with the other files or before them. The server makes a `PresenceChallenge`, of a seed that
   it draws and keeps, or derives of a secret of its own and of what the challenge is for, and hands out `active_command`,
   `chip_commands`, or both.
3. Active authentication: the app sends the command and returns the response. Where a long key makes the chip want extended
   length, the app writes the same command in that form.
4. Chip authentication comes last: once it is done, the keys are the server's, and the app has to open the chip anew for anything
   else. The app sends the commands in their order, and stops where one is not answered by 9000. All but the last are sent as in
   step 1, in extended length where their data is longer than 255 bytes. The last is protected already, under the new keys: it is
   sent as it is, and its response is returned as it came.
5. Each response that is returned is the data, then the two status words.
6. The server does passive authentication first, and gives `verify_active` and `verify_chip` no files but those which that covers.
   Else another chip, with keys of its own, would do.
7. An answer to a challenge stays right for ever: it counts for minutes, and for that alone for which the challenge was made.

What is proven is that a chip with the key took part in the challenge. It may have been far away, at the other end of a relay.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from visavis.document.chip.active import NONCE_BYTES, internal_authenticate, signed_by_chip
from visavis.document.chip.chip_authentication import agreed_with_chip, chip_commands
from visavis.document.chip.security_infos import read_active_key, read_security_infos

SEED_BYTES = 32
_SUCCESS = b"\x90\0"


class PresenceMethod(StrEnum):
    """How a chip proves that it is no copy."""

    ACTIVE = "active"
    CHIP = "chip"


@dataclass(frozen=True, slots=True, repr=False)
class PresenceChallenge:
    """A challenge to one chip. Silent repr. Raises ValueError for a seed of another length.

    seed: 32 secret bytes, all that need be known again. Who knows it can answer chip authentication in the chip's stead.
    """

    seed: bytes

    def __post_init__(self) -> None:
        if len(self.seed) != SEED_BYTES:
            raise ValueError(f"the seed of a challenge has {SEED_BYTES} bytes")

    @classmethod
    def draw(cls) -> "PresenceChallenge":
        """A new one."""
        return cls(secrets.token_bytes(SEED_BYTES))

    @property
    def nonce(self) -> bytes:
        """The 8 bytes that the chip signs (RND.IFD). They tell nothing of the seed."""
        return HKDF(hashes.SHA256(), NONCE_BYTES, None, b"visavis presence active").derive(self.seed)

    @property
    def active_command(self) -> bytes:
        """INTERNAL AUTHENTICATE, to be protected by the app."""
        return internal_authenticate(self.nonce)

    def chip_commands(self, dg14: bytes) -> tuple[bytes, ...]:
        """MSE:Set KAT where the cipher is Triple-DES, else MSE:Set AT and GENERAL AUTHENTICATE, to be protected by the app; then
        SELECT of EF.DG14, protected already. The same for a file whenever asked; none where it has no key that can be used.

        dg14: the file; it may be unverified yet. Raises ChipMalformed.
        """
        return chip_commands(dg14, seed=self.seed)


def presence_methods(*, dg14: bytes | None, dg15: bytes | None) -> tuple[PresenceMethod, ...]:
    """The proofs that can be verified with these files, the stronger first. None: the chip lacks it. Raises ChipMalformed."""
    chip = dg14 is not None and read_security_infos(dg14).chip is not None
    active = dg15 is not None and read_active_key(dg15) is not None
    return (PresenceMethod.CHIP,) * chip + (PresenceMethod.ACTIVE,) * active


def verify_active(dg15: bytes, dg14: bytes | None, challenge: PresenceChallenge, response: bytes) -> bool:
    """Whether the chip with the key in EF.DG15 answered the challenge's `active_command` so.

    dg15, dg14: the files, covered by passive authentication; dg14 is None where the chip has none. response: the signature, then
    9000. Anything but a right answer is False, whatever its bytes. Raises ChipMalformed for the files.
    """
    signature, status = response[:-2], response[-2:]
    return signed_by_chip(dg15, signature, nonce=challenge.nonce, dg14=dg14) and status == _SUCCESS


def verify_chip(dg14: bytes, challenge: PresenceChallenge, responses: Sequence[bytes]) -> bool:
    """Whether the chip with the key in EF.DG14 answered the challenge's `chip_commands` so.

    dg14: the file, covered by passive authentication. responses: to each command, in their order; the last is the proof, and what
    the others say is not looked at. Anything but a right answer is False, whatever its bytes. Raises ChipMalformed for the file.
    """
    return agreed_with_chip(dg14, responses, seed=challenge.seed)
