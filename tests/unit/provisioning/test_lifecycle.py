"""Every pair of a resource's state and a verb, and what each move means."""

import pytest

from services.provisioning.domain import BY_HAND, DELAYED, NOT_DELIVERED, RESOURCE_LIFECYCLE, Resource
from shared.kernel import IllegalMove
from tests.support.provisioning import NOW, resource_in

STATES = ("pending", "provisioning", "active", "failed", "suspended", "terminated")
VERBS = ("provision", "activate", "fail", "suspend", "resume", "terminate")
MOVES = {
    ("pending", "provision"): "provisioning",
    ("provisioning", "activate"): "active",
    ("provisioning", "fail"): "failed",
    ("failed", "provision"): "provisioning",
    ("active", "suspend"): "suspended",
    ("suspended", "resume"): "active",
    ("active", "terminate"): "terminated",
    ("suspended", "terminate"): "terminated",
    ("failed", "terminate"): "terminated",
}
REPEATS = {
    ("provisioning", "provision"),
    ("failed", "fail"),
    ("suspended", "suspend"),
    ("active", "resume"),
    ("terminated", "terminate"),
}


def say(resource: Resource, verb: str) -> None:
    {
        "provision": lambda: resource.provision(NOW),
        "activate": lambda: resource.activate(NOW),
        "fail": lambda: resource.fail("why", NOW),
        "suspend": lambda: resource.suspend("unpaid", NOW, "system"),
        "resume": lambda: resource.resume(NOW, "system"),
        "terminate": lambda: resource.terminate("canceled", NOW, "system"),
    }[verb]()


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
    ("product", "provider"), [("vps", "proxmox"), ("hosting", None), ("domain", None), ("certificate", None)]
)
def test_only_a_product_with_a_connector_has_a_provider(product: str, provider: str | None) -> None:
    assert resource_in(product_type=product).provider == provider
