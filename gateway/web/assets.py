"""Styles, scripts, icons and fonts: built once by `npm run build`, named by their content, cached for a year."""

import json
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

DIST = Path(__file__).parent / "static" / "dist"
# No file of ours has a longer one, and file systems fail beyond 255.
_LONGEST_NAME = 100
_ENCODINGS = ((".br", "br"), (".gz", "gzip"))


class AssetsNotBuilt(RuntimeError):
    """The pages would have no styles: `npm ci && npm run build` was not run."""


class Manifest:
    """From a source name (`app.css`) to the URL of its built, content-addressed file."""

    def __init__(self, dist: Path = DIST, mounted_at: str = "/static") -> None:
        try:
            names = json.loads((dist / "manifest.json").read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise AssetsNotBuilt(f"no assets in {dist}: run `npm ci && npm run build`") from error
        self._urls = {name: f"{mounted_at}/{built}" for name, built in names.items()}

    def url(self, name: str) -> str:
        return self._urls[name]


class BuiltAssets(StaticFiles):
    """Static files whose names change with their content, sent precompressed where the browser allows it."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        if len(path) > _LONGEST_NAME or not path.isprintable():
            raise HTTPException(404)
        accepted = Headers(scope=scope).get("accept-encoding", "")
        for suffix, encoding in _ENCODINGS:
            if encoding in accepted and self.lookup_path(path + suffix)[1] is not None:
                response = await super().get_response(path + suffix, scope)
                response.headers["content-encoding"] = encoding
                response.headers["content-type"] = _media_type(path)
                break
        else:
            response = await super().get_response(path, scope)
        if response.status_code in {200, 304}:
            response.headers["cache-control"] = "public, max-age=31536000, immutable"
            response.headers["vary"] = "Accept-Encoding"
        return response


def _media_type(path: str) -> str:
    return {
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".svg": "image/svg+xml",
        ".json": "application/json",
    }.get(Path(path).suffix, "application/octet-stream")
