"""The hosted page: its files, as they are sent."""

import json
import re
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from fastapi import FastAPI, Response

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {"Content-Security-Policy": _POLICY, "Permissions-Policy": "camera=(self)"}
_KEPT = {"Cache-Control": "max-age=300"}
_KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_PAGE = "capture.html"
_OF_DOCUMENTS = "document."
_INDENTATION = re.compile(rb"^ +", re.MULTILINE)


def page_files() -> dict[str, bytes]:
    """What the page is made of, by name. Nobody's browser needs indentation, or messages in other languages.

    Messages that only sessions about a document have are in a file of their own: there they add to the others, or take their
    place.
    """
    folder = resources.files("visavis") / "web"
    files = {
        file.name: _INDENTATION.sub(b"", file.read_bytes())
        for file in folder.iterdir()
        if Path(file.name).suffix in _KINDS
    }
    for locale, said in json.loads((folder / "messages.json").read_bytes()).items():
        own = {key.removeprefix(_OF_DOCUMENTS): text for key, text in said.items() if key.startswith(_OF_DOCUMENTS)}
        files[f"messages/{locale}.document.json"] = _packed(own)
        files[f"messages/{locale}.json"] = _packed(
            {key: text for key, text in said.items() if not key.startswith(_OF_DOCUMENTS)}
        )
    return files


def serve_page(app: FastAPI) -> None:
    """Have the application answer with the page and its files."""
    files = page_files()
    page = files.pop(_PAGE)

    @app.get("/verify/{session_id}", include_in_schema=False)
    def get_page(session_id: str) -> Response:  # noqa: ARG001 - the page's script reads it from the address
        return Response(page, media_type=_KINDS[".html"], headers=_HEADERS)

    @app.get("/favicon.ico", include_in_schema=False, status_code=204)
    def get_icon() -> None:
        """Browsers ask for one, and there is none."""

    for name, content in files.items():
        kind = _KINDS.get(Path(name).suffix, "application/json")
        app.add_api_route(f"/web/{name}", _sent(content, kind), include_in_schema=False)


def _sent(content: bytes, kind: str) -> Callable[[], Response]:
    return lambda: Response(content, media_type=kind, headers=_KEPT)


def _packed(said: dict[str, str]) -> bytes:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
