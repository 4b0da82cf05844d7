import copy
import pickle

import pytest

from visavis.template import Secret

KEY = b"not for anybody's eyes, 32 bytes"


class TestWiping:
    def test_nothing_is_left_in_what_others_still_look_at(self) -> None:
        secret = Secret(KEY)
        view = secret.view
        assert bytes(view) == KEY
        secret.wipe()
        assert bytes(view) == bytes(32)

    def test_a_wiped_secret_is_of_no_use(self) -> None:
        secret = Secret(KEY)
        secret.wipe()
        assert len(secret) == 0
        with pytest.raises(ValueError, match="has been wiped"):
            _ = secret.view

    def test_wiping_twice_is_wiping(self) -> None:
        secret = Secret(KEY)
        secret.wipe()
        secret.wipe()
        assert len(secret) == 0

    def test_leaving_the_with_statement_wipes(self) -> None:
        with Secret(KEY) as secret:
            view = secret.view
            assert bytes(view) == KEY
        assert (bytes(view), len(secret)) == (bytes(32), 0)

    def test_so_does_leaving_it_with_an_error(self) -> None:
        secret = Secret(KEY)
        view = secret.view
        with pytest.raises(RuntimeError, match="something else"), secret:
            raise RuntimeError("something else")
        assert bytes(view) == bytes(32)

    @pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
    def test_it_holds_a_copy(self, kind: type[bytes] | type[bytearray] | type[memoryview]) -> None:
        source = kind(KEY)
        Secret(source).wipe()
        assert bytes(source) == KEY

    def test_it_can_be_filled_in_place(self) -> None:
        secret = Secret(bytes(4))
        secret.view[:] = b"\1\2\3\4"
        assert secret == Secret(b"\1\2\3\4")


class TestRandom:
    def test_it_is_of_the_length_asked_for(self) -> None:
        assert [len(Secret.random(length)) for length in (1, 16, 32, 64)] == [1, 16, 32, 64]
        assert len(Secret.random()) == 32

    def test_it_is_fresh(self) -> None:
        assert len({bytes(Secret.random().view) for _ in range(100)}) == 100


class TestEquality:
    def test_the_same_bytes_are_equal(self) -> None:
        assert Secret(KEY) == Secret(KEY)

    @pytest.mark.parametrize("other", [KEY[:-1] + b"!", b"!" + KEY[1:], KEY[:-1], KEY + b"\0", b""])
    def test_others_are_not(self, other: bytes) -> None:
        assert Secret(KEY) != Secret(other)

    @pytest.mark.parametrize("other", [KEY, bytearray(KEY), KEY.decode(), None, 0])
    def test_what_is_no_secret_never_is(self, other: object) -> None:
        assert Secret(KEY) != other

    def test_it_compares_in_constant_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = []

        def compare_digest(one: bytes, other: bytes) -> bool:
            asked.append((bytes(one), bytes(other)))
            return True

        monkeypatch.setattr("visavis.template.secret.hmac.compare_digest", compare_digest)
        assert Secret(KEY) == Secret(b"another")
        assert asked == [(KEY, b"another")]

    def test_it_has_no_hash(self) -> None:
        with pytest.raises(TypeError, match="unhashable"):
            hash(Secret(KEY))


class TestSilence:
    @pytest.mark.parametrize("shown", [repr, str, "{}".format, "{!r}".format, "%s".__mod__])
    def test_nothing_shows_it(self, shown: object) -> None:
        assert callable(shown)
        assert shown(Secret(KEY)) == "<Secret>"

    def test_nothing_within_it_shows_it(self) -> None:
        assert str([Secret(KEY)]) == "[<Secret>]"
        assert not hasattr(Secret(KEY), "__dict__")

    @pytest.mark.parametrize("taken", [pickle.dumps, copy.copy, copy.deepcopy])
    def test_it_is_not_pickled_or_copied(self, taken: object) -> None:
        assert callable(taken)
        with pytest.raises(TypeError, match="a secret is not pickled or copied"):
            taken(Secret(KEY))

    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    def test_by_no_protocol(self, protocol: int) -> None:
        with pytest.raises(TypeError, match="a secret is not pickled or copied"):
            pickle.dumps(Secret(KEY), protocol)

    def test_its_bytes_come_from_its_view_alone(self) -> None:
        with pytest.raises(TypeError):
            bytes(Secret(KEY))  # type: ignore[call-overload]
        with pytest.raises(TypeError):
            list(Secret(KEY))  # type: ignore[call-overload]
