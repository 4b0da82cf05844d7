"""Secure messaging under keys that a chip and the server agreed on (Doc 9303-11, 9.8): one command out, and its one answer back.

A channel is used for a single SELECT of a file that the chip has. Its answer bears no data, so that there is exactly one right
answer, and that is compared with what came.
"""

import hashlib
import hmac
from dataclasses import dataclass

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from visavis.document.chip.security_infos import encode_tlv

_SELECT = bytes.fromhex("0CA4020C")
"""SELECT of a file by its identifier, answered by the status alone, under secure messaging."""
_MAC_BYTES = 8
_KEY_BYTES = {1: 16, 2: 16, 3: 24, 4: 32}
"""By the number of the cipher: Triple-DES with two keys, AES with 128, 192 and 256 bits."""


@dataclass(frozen=True, slots=True, repr=False)
class SecureMessaging:
    """The keys of a channel. cipher: 1 for Triple-DES, 2 to 4 for AES."""

    cipher: int
    encryption_key: bytes
    mac_key: bytes

    @classmethod
    def agreed(cls, cipher: int, shared: bytes) -> "SecureMessaging":
        """By the key derivation of Doc 9303-11, 9.7.1, from a shared secret. Parities of DES keys are left as they come."""
        size = _KEY_BYTES[cipher]
        derive = hashlib.sha1 if size == 16 else hashlib.sha256
        first, second = (derive(shared + bytes([0, 0, 0, number])).digest()[:size] for number in (1, 2))
        return cls(cipher, first, second)

    def select(self, file: int, *, counter: int) -> bytes:
        """The protected SELECT of the file with this identifier. counter: the send sequence counter of this command."""
        data = encode_tlv(0x87, b"\1" + self._encrypt(self._pad(file.to_bytes(2)), counter))
        mac = encode_tlv(0x8E, self._mac(self._pad(_SELECT) + data, counter))
        return _SELECT + bytes([len(data) + len(mac)]) + data + mac + b"\0"

    def selected(self, response: bytes, *, counter: int) -> bool:
        """Whether a response is that of success, with the status words. counter: that of the command and 1 more."""
        status = b"\x90\0"
        done = encode_tlv(0x99, status)
        expected = done + encode_tlv(0x8E, self._mac(done, counter)) + status
        return hmac.compare_digest(response, expected)

    @property
    def _block(self) -> int:
        return 8 if self.cipher == 1 else 16

    def _pad(self, data: bytes) -> bytes:
        """ISO/IEC 9797-1, padding method 2."""
        return data + b"\x80" + bytes(-(len(data) + 1) % self._block)

    def _encrypt(self, data: bytes, counter: int) -> bytes:
        if self.cipher == 1:
            return _run(TripleDES(_three(self.encryption_key)), modes.CBC(bytes(8)), data)
        key = algorithms.AES(self.encryption_key)
        start = _run(key, modes.CBC(bytes(16)), counter.to_bytes(16))  # of one block: as without chaining
        return _run(key, modes.CBC(start), data)

    def _mac(self, data: bytes, counter: int) -> bytes:
        """Of padded elements after the counter, 8 bytes."""
        data = self._pad(counter.to_bytes(self._block) + data)
        if self.cipher == 1:  # ISO/IEC 9797-1, MAC algorithm 3 with DES
            single = TripleDES(self.mac_key[:8] * 3)
            chained = _run(single, modes.CBC(bytes(8)), data[:-8])[-8:]
            return _run(TripleDES(_three(self.mac_key)), modes.CBC(chained), data[-8:])
        mac = CMAC(algorithms.AES(self.mac_key))
        mac.update(data)
        return mac.finalize()[:_MAC_BYTES]


def _three(key: bytes) -> bytes:
    """Two keys of DES as the three that the library wants."""
    return key + key[:8]


def _run(algorithm: TripleDES | algorithms.AES, mode: modes.CBC, data: bytes) -> bytes:
    encryptor = Cipher(algorithm, mode).encryptor()
    return encryptor.update(data) + encryptor.finalize()
