"""What a check says: one line per promise, and every id that breaks it."""

from dataclasses import dataclass, field

SHOWN_IDS = 20


@dataclass(frozen=True)
class Finding:
    """One way in which one promise is broken: the sentence says how, the ids say where."""

    promise: str
    sentence: str
    ids: tuple[str, ...]

    def __str__(self) -> str:
        shown = ", ".join(self.ids[:SHOWN_IDS])
        more = f" and {len(self.ids) - SHOWN_IDS} more" if len(self.ids) > SHOWN_IDS else ""
        return f"{self.promise}: {self.sentence}: {len(self.ids)} ({shown}{more})"


@dataclass
class Line:
    """One promise (I1 to I10) or one row of the books (B1, B2, …): what was counted and what was found broken."""

    promise: str
    meaning: str
    counted: str = ""
    broken: list[Finding] = field(default_factory=list)
    not_applicable: str | None = None
    settled: bool = True

    def lacks(self, sentence: str, ids: list[str]) -> None:
        """Like `breaks`, for what is merely not there yet: it counts once everything is supposed to have settled."""
        if self.settled:
            self.breaks(sentence, ids)

    def breaks(self, sentence: str, ids: list[str]) -> None:
        """Record that `ids` break this promise in the way `sentence` says; nothing is recorded when there are none."""
        if ids:
            self.broken.append(Finding(self.promise, sentence, tuple(ids)))

    def lines(self) -> list[str]:
        """The verdict first, then one indented line for each way it is broken."""
        head = f"{self.promise:<4} {self.meaning}"
        if self.broken:
            return [f"{head}: BROKEN ({self.counted})", *(f"     {finding}" for finding in self.broken)]
        if self.not_applicable is not None:
            return [f"{head}: not applicable: {self.not_applicable}"]
        return [f"{head}: ok ({self.counted})"]


@dataclass(frozen=True)
class Report:
    """The verdict over all promises and books."""

    verdicts: tuple[Line, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing at all is broken."""
        return not self.broken

    @property
    def broken(self) -> list[Finding]:
        """Every way in which anything is broken, in the order of the promises."""
        return [finding for line in self.verdicts for finding in line.broken]

    def lines(self) -> list[str]:
        """The whole report as text: I1 to I10, then the books."""
        return [text for line in self.verdicts for text in line.lines()]
