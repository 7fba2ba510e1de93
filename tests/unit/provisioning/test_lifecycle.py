"""Every pair of a resource's state and a verb, and what each move means."""

from collections.abc import Callable

import pytest

from services.provisioning.domain import (
    BY_HAND,
    DELAYED,
    HELD,
    NOT_DELIVERED,
    PROVIDER_LIFECYCLE,
    RESOURCE_LIFECYCLE,
    Provider,
    Resource,
)
from shared.kernel import IllegalMove
from tests.support.provisioning import NOW, resource_in

STATES = ("pending", "provisioning", "active", "failed", "suspended", "terminated", "removed")
VERBS = ("provision", "activate", "fail", "suspend", "resume", "terminate", "restore", "remove")
MOVES = {
    ("pending", "provision"): "provisioning",
    ("provisioning", "activate"): "active",
    ("provisioning", "fail"): "failed",
    ("failed", "provision"): "provisioning",
    ("active", "suspend"): "suspended",
    ("suspended", "resume"): "active",
    ("pending", "terminate"): "terminated",
    ("provisioning", "terminate"): "terminated",
    ("active", "terminate"): "terminated",
    ("suspended", "terminate"): "terminated",
    ("failed", "terminate"): "terminated",
    ("terminated", "restore"): "active",
    ("terminated", "remove"): "removed",
}
REPEATS = {
    ("provisioning", "provision"),
    ("failed", "fail"),
    ("suspended", "suspend"),
    ("terminated", "suspend"),
    ("active", "resume"),
    ("terminated", "terminate"),
    ("removed", "terminate"),
    ("active", "restore"),
    ("removed", "remove"),
}


def say(resource: Resource, verb: str) -> None:
    verbs: dict[str, Callable[[], object]] = {
        "provision": lambda: resource.provision(NOW),
        "activate": lambda: resource.activate(NOW),
        "fail": lambda: resource.fail("why", NOW),
        "suspend": lambda: resource.suspend("unpaid", NOW, "system"),
        "resume": lambda: resource.resume(NOW, "system"),
        "terminate": lambda: resource.terminate("canceled", NOW, "system", NOW),
        "restore": lambda: resource.restore(NOW, "system"),
        "remove": lambda: resource.remove(NOW, "system"),
    }
    verbs[verb]()


def test_the_lifecycle_knows_exactly_these_states_and_verbs() -> None:
    assert set(RESOURCE_LIFECYCLE.states) == set(STATES)
    assert set(RESOURCE_LIFECYCLE.verbs) == set(VERBS)
    assert RESOURCE_LIFECYCLE.start == "pending"


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("verb", VERBS)
def test_every_pair_of_state_and_verb_moves_repeats_or_is_refused(state: str, verb: str) -> None:
    resource = resource_in(state)
    before = resource.version
    if (state, verb) in MOVES:
        say(resource, verb)
        assert (resource.status, resource.version) == (MOVES[state, verb], before + 1)
    elif (state, verb) in REPEATS:
        say(resource, verb)
        assert (resource.status, resource.version) == (state, before)
    else:
        with pytest.raises(IllegalMove):
            say(resource, verb)
        assert (resource.status, resource.version) == (state, before)


def test_a_failure_is_news_once() -> None:
    resource = resource_in("provisioning")
    resource.delay()
    assert resource.fail("no space", NOW)
    assert (resource.delayed, resource.message) == (False, NOT_DELIVERED)
    assert not resource.fail("no space", NOW)


def test_activation_takes_every_worry_back() -> None:
    resource = resource_in("provisioning")
    assert resource.delay()
    assert not resource.delay()
    assert resource.message == DELAYED
    assert resource.delay(HELD)
    resource.activate(NOW)
    assert (resource.delayed, resource.message, resource.activated_at) == (False, None, NOW)


def test_recovery_takes_back_only_a_delay() -> None:
    resource = resource_in("active")
    resource.message = BY_HAND
    assert not resource.recover()
    assert resource.message == BY_HAND


def test_a_machine_goes_missing_once_and_turns_up_once() -> None:
    resource = resource_in("active")
    resource.see_power("running")
    assert [resource.go_missing(NOW), resource.go_missing(NOW)] == [True, False]
    assert resource.power == "unknown"
    assert [resource.turn_up(NOW), resource.turn_up(NOW)] == [True, False]


@pytest.mark.parametrize(
    ("told", "after"),
    [
        ([("suspended", 2), ("valid", 3)], "valid"),
        ([("valid", 3), ("suspended", 2)], "valid"),
        ([("suspended", 2), ("suspended", 2)], "suspended"),
        ([("ended", 4), ("suspended", 2), ("valid", 3)], "ended"),
    ],
)
def test_the_newest_version_of_a_right_counts_in_whatever_order_it_is_told(
    told: list[tuple[str, int]], after: str
) -> None:
    resource = resource_in("active")
    for entitlement, version in told:
        resource.follow(entitlement, version)
    assert resource.entitlement == after


def provider_in(state: str) -> Provider:
    provider = Provider.added(
        name="a", kind="proxmox", product_types=["vps"], endpoint="https://a", secret_ref="env:A", regions=[],
        settings={}, capacity=None, at=NOW, by="system", reason="new",
    )  # fmt: skip
    provider._status = state
    return provider


@pytest.mark.parametrize("state", ["open", "full", "paused"])
@pytest.mark.parametrize("verb", ["open", "fill", "pause"])
def test_every_pair_of_a_providers_state_and_a_verb(state: str, verb: str) -> None:
    provider = provider_in(state)
    before = provider.version
    changed = getattr(provider, verb)("because", NOW, "usr_1")
    expected = {"open": "open", "fill": "full", "pause": "paused"}[verb]
    if verb == "fill" and state == "paused":
        expected = "paused"  # a person's pause outlasts what the provider says
    assert provider.state == expected
    assert (provider.version > before) is changed is (state != expected)
    assert set(PROVIDER_LIFECYCLE.states) == {"open", "full", "paused"}
