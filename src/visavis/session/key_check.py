"""Whether the operator's keys are those that references were sealed under, and the newest of them.

An old copy of the keys, or another installation's, opens nothing, and would refuse everybody as if their claims were wrong.
"""

import hmac

from visavis.errors import KeyUnusable
from visavis.session.ports import Vault

_QUESTION = b"visavis key check v1"
"""What a key must answer with the same HMAC each time; no seal asks for this one."""


def confirm_keys(vault: Vault) -> None:
    """To be called whenever an installation is opened, and after a rotation. Raises KeyUnusable."""
    version = vault.keys.current
    check = vault.keys.mac(version, _QUESTION)
    with vault.store.reading() as tx:
        known = tx.key_checks.all()
    if version < max(known, default=0):
        raise KeyUnusable(
            f"the newest operator's key here is version {version}, and version {max(known)} is in use; restore the newest keys"
        )
    if version not in known:
        with vault.store.writing() as tx:
            tx.key_checks.add(version, check)
    elif not hmac.compare_digest(known[version], check):
        raise KeyUnusable(
            f"the operator's key {version} here is not the one that references are sealed under; restore that"
        )
