"""The verification service over HTTP.

In: requests with an API key, or with the secret of one verification session. Out: resources under `/v1`, problems to RFC 9457,
signed reports. `make_app` gives the ASGI application, `server_of` a server of it; `visavis serve` runs that.
"""

from visavis.api.app import make_app
from visavis.api.server import server_of
from visavis.api.service import Service

__all__ = ["Service", "make_app", "server_of"]
