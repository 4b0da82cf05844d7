"""visavis."""
from visavis._version import __version__
