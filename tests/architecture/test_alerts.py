"""Alerts speak of metrics that exist, and every one of them leads to a page that says what to do."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import services
import shared.web
from shared.telemetry.metrics import registry

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yaml"
RUNBOOKS = ROOT / "docs" / "runbooks"
_SELECTOR = re.compile(r"\b((?:ez_|up\b)\w*)(?:\{([^}]*)\})?")
_LABEL = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_GROUPED = re.compile(r"\bby \(([^)]*)\)")
_NAMED = re.compile(r'"(I\d+)",\s*"(\w+)"')
# What Prometheus adds to every target by itself.
_OF_PROMETHEUS = {"up": {"job", "instance"}}
_STATES = {"ready", "dead", "parked"}


def rules() -> list[dict[str, Any]]:
    """Every rule of the file."""
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def known_metrics() -> dict[str, set[str]]:
    """Metric name as Prometheus stores it → its labels, after everything that registers one was imported."""
    for package in (services, shared.web):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "migrations" not in module.name:
                importlib.import_module(module.name)
    known = dict(_OF_PROMETHEUS)
    for collector, names in registry._collector_to_names.items():
        known |= {name: set(collector._labelnames) for name in names}  # type: ignore[attr-defined]  # no public way
    return known


def known_queues() -> set[str]:
    """The names durable queues have in the code."""
    sources = [path.read_text() for path in (*ROOT.glob("services/**/*.py"), *ROOT.glob("shared/messaging/*.py"))]
    return {name for text in sources for name in re.findall(r'(?:DurableQueue|super\(\).__init__)\(\s*"(\w+)"', text)}


def known_outcomes() -> set[str]:
    """What can become of a webhook's delivery, and every other word its module knows."""
    return set(re.findall(r'"([a-z-]+)"', (ROOT / "services/billing/api/webhooks.py").read_text()))


def selectors(expression: str) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """Metric and its label matchers, for each metric in an expression."""
    for name, labels in _SELECTOR.findall(expression):
        yield name, _LABEL.findall(labels)


def faults_of(rule: dict[str, Any], known: dict[str, set[str]]) -> list[str]:
    """Why a rule could never fire, or could not be followed up."""
    expression, found = rule["expr"], []
    names = list(selectors(expression))
    if not names:
        found.append("no metric")
    for name, labels in names:
        if name not in known:
            found.append(f"no metric {name}")
            continue
        found += [f"{name} has no label {label}" for label, _, _ in labels if label not in known[name]]
        values = {label: value for label, sign, value in labels if sign in ("=", "!=")}
        if "queue" in values and values["queue"] not in known_queues():
            found.append(f"no queue {values['queue']}")
        if "state" in values and values["state"] not in _STATES:
            found.append(f"no state {values['state']}")
        outcomes = {one for label, _, value in labels if label == "outcome" for one in value.split("|")}
        if name == "ez_stripe_deliveries_total":
            found += [f"no outcome {outcome}" for outcome in sorted(outcomes - known_outcomes())]
    grouped = {label.strip() for labels in _GROUPED.findall(expression) for label in labels.split(",")}
    carried = {label for name, _ in names for label in known.get(name, set())}
    found += [f"grouped by {label}, which nothing carries" for label in sorted(grouped - carried)]
    if expression.count("(") != expression.count(")"):
        found.append("unbalanced parentheses")
    page = rule.get("annotations", {}).get("runbook", "")
    if not page or not (ROOT / page).is_file():
        found.append(f"no runbook {page}")
    return found


def test_every_alert_can_fire_and_leads_to_a_runbook() -> None:
    known = known_metrics()
    assert {rule["alert"]: faults for rule in rules() if (faults := faults_of(rule, known))} == {}


def test_alerts_have_names_of_their_own_and_say_how_bad_it_is() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))
    assert {rule["labels"]["severity"] for rule in rules()} <= {"critical", "warning"}
    assert all(rule["annotations"]["summary"] for rule in rules())


def test_every_runbook_is_reached_by_an_alert_and_listed() -> None:
    pages = {path.name for path in RUNBOOKS.glob("*.md")} - {"README.md"}
    reached = {Path(rule["annotations"]["runbook"]).name for rule in rules()}
    listed = set(re.findall(r"\]\(([\w-]+\.md)\)", (RUNBOOKS / "README.md").read_text()))
    assert pages == reached == listed


def test_runbooks_name_only_metrics_labels_and_outcomes_that_exist() -> None:
    known = known_metrics()
    for page in RUNBOOKS.rglob("*.md"):
        text = page.read_text()
        for name, labels in selectors(text):
            assert name in known or f"{name}_total" in known, f"{page.name}: {name}"
            assert {label for label, _, _ in labels} <= known.get(name, set()), f"{page.name}: {name}"
    rows = (RUNBOOKS / "stripe-webhooks-failing.md").read_text().splitlines()
    outcomes = {word for row in rows if row.startswith("| `") for word in re.findall(r"`([\w-]+)`", row.split("|")[1])}
    assert outcomes
    assert outcomes <= known_outcomes()


def test_the_page_on_promises_knows_every_look() -> None:
    page = (RUNBOOKS / "promise-broken.md").read_text()
    sources = [*ROOT.glob("services/*/use_cases/promises.py"), *ROOT.glob("services/*/jobs/*.py")]
    sources.append(ROOT / "shared" / "web" / "invariants.py")
    named = {(promise, name) for path in sources for promise, name in _NAMED.findall(path.read_text())}
    for path in ROOT.glob("services/*/use_cases/promises.py"):
        module = importlib.import_module(f"services.{path.parts[-3]}.use_cases.promises")
        named |= {(invariant.promise, invariant.name) for invariant in module.INVARIANTS}
    assert len(named) > 20
    rows = [line for line in page.splitlines() if line.startswith("| I")]
    unknown = {
        (promise, name)
        for promise, name in named
        if not any(row.startswith(f"| {promise} |") and f"`{name}`" in row for row in rows)
    }
    assert not unknown


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"expr": "max(ez_promise_violation) > 0"}, "no metric ez_promise_violation"),
        ({"expr": 'ez_durable_rows{que="outbox"} > 0'}, "ez_durable_rows has no label que"),
        ({"expr": 'ez_durable_rows{queue="outboxes"} > 0'}, "no queue outboxes"),
        ({"expr": 'ez_durable_rows{state="gone"} > 0'}, "no state gone"),
        ({"expr": 'ez_stripe_deliveries_total{outcome=~"timeout|StoreAway"} > 0'}, "no outcome StoreAway"),
        ({"expr": "max by (service, pod) (ez_durable_rows) > 0"}, "grouped by pod, which nothing carries"),
        ({"expr": "max((ez_durable_rows) > 0"}, "unbalanced parentheses"),
        ({"expr": "1 > 0"}, "no metric"),
        ({"annotations": {"runbook": "docs/runbooks/nowhere.md"}}, "no runbook docs/runbooks/nowhere.md"),
        ({"annotations": {}}, "no runbook "),
    ],
)
def test_a_wrong_alert_is_found(change: dict[str, Any], said: str) -> None:
    sound = {"expr": "ez_durable_rows > 0", "annotations": {"runbook": "docs/runbooks/dead-letters.md"}}
    known = known_metrics()
    assert faults_of(sound, known) == []
    assert faults_of(sound | change, known) == [said]
