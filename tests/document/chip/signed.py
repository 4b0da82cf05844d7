"""What passive authentication says of files that are as they were signed, for tests of what comes after."""

from visavis.document.chip.passive import PassiveAuthentication


def passive() -> PassiveAuthentication:
    """Nothing is against them."""
    return PassiveAuthentication((), (), "UT", ("sha256_rsa, RSA 2048",), "sha256", "0" * 16, "1" * 16, (1, 2), ())
