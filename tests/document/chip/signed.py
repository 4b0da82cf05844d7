"""What passive authentication says of files that are as they were signed, for tests of what comes after."""

from visavis.document.chip.passive import PassiveAuthentication, PassiveStatus


def passive() -> PassiveAuthentication:
    """Nothing is against them."""
    return PassiveAuthentication(
        PassiveStatus.PASSED, (), (), "UT", ("sha256_rsa, RSA 2048",), "sha256", "0" * 16, "1" * 16, (1, 2), ()
    )
