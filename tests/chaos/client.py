"""A patient program on the customer's side: what got no answer is repeated under the same key."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import aiohttp

PASSING = frozenset({429, 502, 503, 504})
_REQUEST_TIMEOUT = 40.0
_LONGEST_WAIT = 3.0


class GaveUp(Exception):
    """No useful answer within the customer's patience; the message says what came last."""


@dataclass
class Answers:
    """What the public door answered over the whole run, and the answers nobody should ever get."""

    statuses: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def note(self, status: int | None, method: str, path: str, text: str) -> None:
        """Counts an answer (None: the connection broke). A plain 500 is a violation, whatever is down."""
        self.statuses["no answer" if status is None else str(status)] += 1
        if status is not None and status >= 500 and status not in PASSING:
            self.violations.append(f"{method} {path} answered {status}: {text[:400]}")


@dataclass(frozen=True)
class Answer:
    """A final answer: anything that is not worth a repeat."""

    status: int
    body: Any
    text: str

    @property
    def slug(self) -> str:
        """The kind of problem, without its address."""
        kind = self.body.get("type", "") if isinstance(self.body, dict) else ""
        return str(kind).rpartition("/")[2]


class Client:
    """One visitor, with an address of their own on the loopback network, as visitors have."""

    def __init__(self, url: str, answers: Answers, address: str, seed: str) -> None:
        self._url = url
        self._answers = answers
        self._random = random.Random(seed)
        connector = aiohttp.TCPConnector(limit=0, local_addr=(address, 0))
        timeout = aiohttp.ClientTimeout(total=_REQUEST_TIMEOUT)
        self._http = aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        self.token = ""

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.close()

    async def once(self, method: str, path: str, body: Any = None, key: str = "") -> Answer | None:
        """One request; None when there was no whole answer."""
        headers = {"Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if key:
            headers["Idempotency-Key"] = key
        try:
            async with self._http.request(method, self._url + path, json=body, headers=headers) as answer:
                text = await answer.text()
                is_json = "json" in answer.headers.get("content-type", "")
                decoded = await answer.json(content_type=None) if is_json and text else None
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            self._answers.note(None, method, path, "")
            return None
        self._answers.note(answer.status, method, path, text)
        return Answer(answer.status, decoded, text)

    async def patiently(
        self, method: str, path: str, body: Any = None, *, key: str = "", patience: float, passing: tuple[str, ...] = ()
    ) -> Answer:
        """Repeats until there is a final answer; problems whose slug is in `passing` are waited out. Raises GaveUp."""
        loop = asyncio.get_running_loop()
        deadline, wait = loop.time() + patience, 0.2
        while True:
            answer = await self.once(method, path, body, key)
            if answer is not None and answer.status < 500 and answer.status != 429 and answer.slug not in passing:
                return answer
            if loop.time() > deadline:
                last = "no answer" if answer is None else f"{answer.status} {answer.text[:300]}"
                raise GaveUp(f"{method} {path}: {last}")
            await asyncio.sleep(wait * self._random.uniform(0.7, 1.3))
            wait = min(wait * 1.7, _LONGEST_WAIT)
