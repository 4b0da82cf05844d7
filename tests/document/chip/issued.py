"""A passport's chip as a state has written it, for tests of what is made of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from tests.conftest import encoded, pixels
from tests.document.chip import simulated_chip as sim
from tests.document.chip.pki import NOW, Authority
from tests.document.chip.simulated_chip import AES128, P256, AgreementKey, SimulatedChip
from tests.document.chip.writing import com, dg1, dg2, dg11, dg12
from visavis.document import Chip, Presence, PresenceChallenge, Trust, read_chip

ZONE = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<L898902C36UTO7408122F3204153ZE184226B<<<<<16"
TAGS = {1: 0x61, 2: 0x75, 11: 0x6B, 12: 0x6C, 14: 0x6E, 15: 0x6F}


@dataclass(frozen=True)
class Issued:
    """A passport's chip as a state has written it."""

    groups: dict[int, bytes]
    sod: bytes
    trust: Trust
    answering: SimulatedChip

    def files(self, *without: int) -> list[bytes]:
        kept = {number: data for number, data in self.groups.items() if number not in without}
        return [com(bytes(TAGS[number] for number in self.groups)), self.sod, *kept.values()]

    def read(self, files: Sequence[bytes] | None = None, presence: Presence | None = None) -> Chip:
        return read_chip(self.files() if files is None else files, trust=self.trust, now=NOW, presence=presence)

    def answers(self, challenge: PresenceChallenge) -> tuple[bytes, list[bytes]]:
        """By active and by chip authentication, in a session of its own."""
        return self.relay(challenge.active_command, challenge.chip_commands(self.groups[14]))

    def relay(self, active: bytes, commands: tuple[bytes, ...]) -> tuple[bytes, list[bytes]]:
        """What it answers to commands, as an app passes them on that has just opened it."""
        chip = replace(self.answering)
        return chip.send(active), chip.run(commands)


@cache
def issued(person: str = "P001", authority: Authority | None = None) -> Issued:
    """Anna's, with this synthetic person's face; it can answer in either way."""
    signing = AgreementKey.make(P256)
    answering = SimulatedChip(
        sign=lambda nonce: sim.plain(P256, signing.private, nonce, "sha256"),
        dg15=sim.dg15_of(signing.info),
        keys={1: AgreementKey.make(P256)},
        ciphers=(AES128,),
        more=(sim.active_info("0.4.0.127.0.7.1.1.4.1.3"),),
    )
    portrait = encoded(pixels(person, "studio_portrait", 400), "JPEG")
    groups = {
        1: dg1(ZONE),
        2: dg2(portrait),
        11: dg11(name="ERIKSSON<<ANNA<MARIA"),
        12: dg12(authority="UTOPIA"),
        14: answering.dg14,
        15: answering.dg15 or b"",
    }
    authority = authority or Authority.make(country="UT")
    return Issued(groups, authority.signer().sod(groups), authority.trust(), answering)
