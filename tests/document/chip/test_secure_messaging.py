import pytest

from visavis.document.chip.secure_messaging import SecureMessaging

COUNTER = 0x887022120C06C227
CHANNEL = SecureMessaging(
    1,
    bytes.fromhex("979EC13B1CBFE9DCD01AB0FED307EAE5"),
    bytes.fromhex("F1CB1F1FB5ADF208806B89DC579DC1F8"),
)
"""Of the worked example of Doc 9303-11, appendix D.3."""
RESPONSE = bytes.fromhex("990290008E08FA855A5D4C50A8ED9000")


def without_parities(key: bytes) -> bytes:
    return bytes(each & 0xFE for each in key)


class TestWorkedExamples:
    def test_a_file_is_selected(self) -> None:
        """Doc 9303-11, appendix D.4."""
        expected = "0CA4020C158709016375432908C044F68E08BF8B92D635FF24F800"
        assert CHANNEL.select(0x011E, counter=COUNTER) == bytes.fromhex(expected)

    def test_its_answer(self) -> None:
        assert CHANNEL.selected(RESPONSE, counter=COUNTER + 1)

    def test_keys_for_triple_des(self) -> None:
        """Doc 9303-11, appendix D.1, where the parities are set."""
        derived = SecureMessaging.agreed(1, bytes.fromhex("239AB9CB282DAF66231DC5A4DF6BFBAE"))
        enc, mac = map(bytes.fromhex, ("AB94FDECF2674FDFB9B391F85D7F76F2", "7962D9ECE03D1ACD4C76089DCE131543"))
        assert without_parities(derived.encryption_key) == without_parities(enc)
        assert without_parities(derived.mac_key) == without_parities(mac)

    def test_keys_for_aes(self) -> None:
        """Doc 9303-11, appendix G.1."""
        shared = bytes.fromhex("28768D20701247DAE81804C9E780EDE582A9996DB4A315020B2733197DB84925")
        derived = SecureMessaging.agreed(2, shared)
        assert derived.encryption_key.hex() == "f5f0e35c0d7161ee6724ee513a0d9a7f"
        assert derived.mac_key.hex() == "fe251c7858b356b24514b3bd5f4297d1"


class TestAnswers:
    def test_no_flipped_bit_passes(self) -> None:
        for place in range(8 * len(RESPONSE)):
            flipped = bytearray(RESPONSE)
            flipped[place // 8] ^= 1 << place % 8
            assert not CHANNEL.selected(bytes(flipped), counter=COUNTER + 1)

    def test_nothing_may_be_missing_or_stand_around_it(self) -> None:
        for changed in (*(RESPONSE[:length] for length in range(16)), RESPONSE + b"\0", b"\0" + RESPONSE, RESPONSE * 2):
            assert not CHANNEL.selected(changed, counter=COUNTER + 1)

    @pytest.mark.parametrize("counter", [COUNTER - 1, COUNTER, COUNTER + 2, 0, 2])
    def test_at_another_count(self, counter: int) -> None:
        assert not CHANNEL.selected(RESPONSE, counter=counter)

    def test_an_error_is_no_success(self) -> None:
        for status in ("6A82", "6982", "6988", "6300", "9001", "0000"):
            assert not CHANNEL.selected(bytes.fromhex(status), counter=COUNTER + 1)

    def test_the_command_sent_back(self) -> None:
        """Its checksum is right under the same keys, and says another thing."""
        mac = CHANNEL.select(0x011E, counter=COUNTER)[-9:-1]
        assert not CHANNEL.selected(RESPONSE[:6] + mac + RESPONSE[-2:], counter=COUNTER + 1)

    @pytest.mark.parametrize("cipher", [1, 2, 3, 4])
    def test_other_keys(self, cipher: int) -> None:
        channel = SecureMessaging.agreed(cipher, bytes(32))
        assert not channel.selected(RESPONSE, counter=COUNTER + 1)


@pytest.mark.parametrize(("cipher", "size"), [(1, 16), (2, 16), (3, 24), (4, 32)])
def test_sizes_of_keys(cipher: int, size: int) -> None:
    channel = SecureMessaging.agreed(cipher, b"shared")
    assert len(channel.encryption_key) == len(channel.mac_key) == size
    assert channel.encryption_key != channel.mac_key


def test_keys_are_silent() -> None:
    assert CHANNEL.mac_key.hex() not in repr(CHANNEL)
    assert str(CHANNEL.mac_key) not in repr(CHANNEL)
