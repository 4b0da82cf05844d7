"""Receipts: what was done for good, signed with the key of the audit log. See docs/formats.md."""

from collections.abc import Mapping
from typing import Any

from visavis.session.audit import line_of
from visavis.session.ports import Vault
from visavis.session.value import Receipt


def sign_receipt(vault: Vault, content: Mapping[str, Any]) -> Receipt:
    """Sign what was done for good."""
    signer = vault.audit_signer
    return Receipt(content, signer.public, signer.sign(b"visavis receipt v1" + line_of(content).encode()))
