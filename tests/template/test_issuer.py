import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.template.material import Office, random_bytes
from visavis.errors import CredentialMalformed
from visavis.template import Issuer, key_id

PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
ISSUER = Issuer("Example Office", "https://example.org/status", (PUBLIC,))


class TestFile:
    def test_its_keys_are_jwks(self) -> None:
        """RFC 8037, appendix A.2."""
        assert json.loads(ISSUER.to_json()) == {
            "issuer": "Example Office",
            "status_list": "https://example.org/status",
            "keys": [
                {
                    "kty": "OKP",
                    "crv": "Ed25519",
                    "use": "sig",
                    "alg": "EdDSA",
                    "kid": key_id(PUBLIC).hex(),
                    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                }
            ],
        }

    @given(
        name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
        address=st.text(st.characters(exclude_categories=["Cs"])),
        keys=st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=4),
    )
    def test_what_is_written_is_read(self, name: str, address: str, keys: list[bytes]) -> None:
        issuer = Issuer(name, address, tuple(keys))
        text = issuer.to_json()
        assert text.isascii()
        assert text.endswith("}\n")
        assert Issuer.from_json(text) == issuer
        assert Issuer.from_json(text).to_json() == text

    @given(place=st.integers(0, 400), new=st.sampled_from(list('",:{}[] \n0aA=-_+/é\\')), cut=st.integers(0, 3))
    def test_what_is_read_is_what_would_be_written(self, place: int, new: str, cut: int) -> None:
        text = ISSUER.to_json()
        text = text[:place] + new + text[place + cut :]
        with suppress(CredentialMalformed):
            assert Issuer.from_json(text).to_json() == text

    def test_keys_keep_their_order(self, office: Office) -> None:
        keys = tuple(random_bytes(seed, 32) for seed in range(3))
        assert Issuer.from_json(Issuer("A", "", keys).to_json()).keys == keys


def _key(**changes: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda values: values | {"keys": [values["keys"][0] | changes]}


def _set(**changes: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda values: values | changes


def _without_in_key(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda values: values | {"keys": [{key: value for key, value in values["keys"][0].items() if key != name}]}


X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"

UNACCEPTABLE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no keys": _set(keys=[]),
    "keys as a map": _set(keys={}),
    "no name": _set(issuer=""),
    "a number as name": _set(issuer=1),
    "null as name": _set(issuer=None),
    "null as address": _set(status_list=None),
    "another member": _set(comment="hello"),
    "members in another order": lambda values: dict(reversed(values.items())),
    "a name missing": lambda values: {key: value for key, value in values.items() if key != "issuer"},
    "an address missing": lambda values: {key: value for key, value in values.items() if key != "status_list"},
    "keys missing": lambda values: {key: value for key, value in values.items() if key != "keys"},
    "a list": lambda values: [values],
    "null": lambda _: None,
    "a number": lambda _: 1,
    "a text": lambda _: "issuer",
    "a key as text": _set(keys=[X]),
    "a key that is null": _set(keys=[None]),
    "a good key and another": lambda values: values | {"keys": [*values["keys"], {}]},
    **{f"a key without {name}": _without_in_key(name) for name in ("kty", "crv", "use", "alg", "kid", "x")},
    "a key of another type": _key(kty="EC"),
    "a key on another curve": _key(crv="X25519"),
    "a key for encryption": _key(use="enc"),
    "a key for another algorithm": _key(alg="ES256"),
    "another key id": _key(kid="0" * 16),
    "a key id in capitals": _key(kid=key_id(PUBLIC).hex().upper()),
    "a secret key": _key(d=X),
    "a key of 31 bytes": _key(x=X[:42]),
    "a key of 33 bytes": _key(x=X + "A"),
    "an empty key": _key(x=""),
    "a key with padding": _key(x=X + "="),
    "a key in the other alphabet": _key(x=X.replace("_", "/")),
    "a key with idle bits": _key(x=X[:-1] + "p"),
    "a key with a line break": _key(x=X[:20] + "\n" + X[20:]),
    "a key that is no ASCII": _key(x="é" + X[1:]),
    "a key as a number": _key(x=1),
}

NO_FILE: dict[str, str] = {
    "nothing": "",
    "no JSON": "{",
    "other spaces": json.dumps(json.loads(ISSUER.to_json())),
    "no line's end": ISSUER.to_json()[:-1],
    "another line's end": ISSUER.to_json() + "\n",
    "a byte order mark": "\ufeff" + ISSUER.to_json(),
    "other characters escaped": ISSUER.to_json().replace("Example", "\\u0045xample"),
    "characters not escaped": ISSUER.to_json().replace("Example", "Exämple"),
    "a member twice": ISSUER.to_json().replace("{", '{\n  "issuer": "A",', 1),
    "endless lists": "[" * 100_000,
    "a long number": '{"issuer": ' + "9" * 5000 + "}",
    "no number": '{"issuer": NaN}',
    "zero bytes": "\0" * 100,
}


class TestRefusals:
    def test_what_the_others_start_from_is_right(self) -> None:
        assert json.dumps(json.loads(ISSUER.to_json()), indent=2) + "\n" == ISSUER.to_json()

    def refuse(self, text: str) -> None:
        with pytest.raises(CredentialMalformed, match="expected an issuer's public file") as caught:
            Issuer.from_json(text)
        assert caught.value.code == "credential_malformed"

    @pytest.mark.parametrize("name", list(UNACCEPTABLE))
    def test_what_is_never_written(self, name: str) -> None:
        self.refuse(json.dumps(UNACCEPTABLE[name](json.loads(ISSUER.to_json())), indent=2) + "\n")

    @pytest.mark.parametrize("name", list(NO_FILE))
    def test_what_is_no_such_file(self, name: str) -> None:
        self.refuse(NO_FILE[name])
