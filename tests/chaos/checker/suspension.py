"""I8: what is suspended, or has ended and is kept, does not run, and nobody's click brings it up."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from tests.chaos.checker.evidence import Evidence, Row, group
from tests.chaos.checker.findings import Line

RESTING = frozenset({"suspended", "terminated"})
# Jobs that follow from the right itself; every other one is somebody's action.
_OF_THE_RIGHT = frozenset({"create", "suspend", "resume", "change", "terminate", "restore", "remove"})
_STARTING = frozenset({"start", "reboot", "restart"})
# What the right is, and what its service may then not be.
_CONTRADICTIONS = {
    "suspended": frozenset({"active"}),
    "ended": frozenset({"pending", "provisioning", "failed", "active", "suspended"}),
    "active": RESTING,
}


@dataclass(frozen=True)
class _Rest:
    """From when until when a service rested; `until` is None while it still does."""

    since: datetime
    until: datetime | None

    def holds(self, moment: datetime | None) -> bool:
        return moment is not None and self.since < moment and (self.until is None or moment < self.until)


def i8_suspension(evidence: Evidence) -> Line:
    """Looks at the hypervisor for what must be off, at the right behind each service, and at every action and every
    starting step for one that fell into a rest."""
    line = Line("I8", "what is suspended or ended stays off, whoever clicks", settled=evidence.settled)
    resting = [row for row in evidence.resources.values() if row["status"] in RESTING]
    rests = {service: list(_rests(rows)) for service, rows in _history_of(evidence).items()}
    actions = [job for job in evidence.jobs if job["intent"] not in _OF_THE_RIGHT]
    line.lacks(
        "suspended or ended, and running at the hypervisor",
        [row["id"] for row in resting if any(machine.running for machine in evidence.machines_of.get(row["id"], []))],
    )
    line.lacks("rights whose service is something else", _contradicted(evidence))
    line.breaks("actions accepted while the service rested", _in_a_rest(actions, "created_at", rests))
    line.breaks("actions that started a machine while the service rested", _started_in_a_rest(evidence, actions, rests))
    ever = sum(map(len, rests.values()))
    line.counted = f"{len(resting)} at rest, {ever} rests in all, {len(actions)} actions"
    if not ever and not resting and not line.broken:
        line.not_applicable = "nothing is or was ever suspended or ended"
    return line


def _history_of(evidence: Evidence) -> dict[str, list[Row]]:
    return group((row["resource_id"], row) for row in sorted(evidence.resource_history, key=lambda row: row["id"]))


def _rests(history: list[Row]) -> Iterator[_Rest]:
    since = None
    for row in history:
        if since is None and row["to_status"] in RESTING:
            since = row["at"]
        elif since is not None and row["to_status"] not in RESTING:
            yield _Rest(since, row["at"])
            since = None
    if since is not None:
        yield _Rest(since, None)


def _in_a_rest(actions: list[Row], column: str, rests: dict[str, list[_Rest]]) -> list[str]:
    return [
        f"{job['id']} ({job['intent']} of {job['resource_id']} by {job['requested_by']})"
        for job in actions
        if any(rest.holds(job[column]) for rest in rests.get(job["resource_id"], []))
    ]


def _started_in_a_rest(evidence: Evidence, actions: list[Row], rests: dict[str, list[_Rest]]) -> list[str]:
    began = {
        step["job_id"]: step["started_at"]
        for step in evidence.tables["provisioning.job_steps"]
        if step["name"] in _STARTING and step["started_at"] is not None
    }
    begun = [job | {"began": began[job["id"]]} for job in actions if job["id"] in began]
    return _in_a_rest(begun, "began", rests)


def _contradicted(evidence: Evidence) -> list[str]:
    """Rights whose service does not follow them. What people deliver by hand, people stop by hand."""
    found = []
    for right in evidence.entitlements.values():
        for resource in evidence.resources_of.get(right["id"], []):
            if resource["provider"] is None and right["status"] != "active":
                continue
            if resource["status"] in _CONTRADICTIONS.get(right["status"], ()):
                found.append(f"{right['id']} is {right['status']}, {resource['id']} is {resource['status']}")
    return found
