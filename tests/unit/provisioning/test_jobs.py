"""Plans as data, and how far a job has come."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.provisioning.adapters.capabilities import ProviderRejected
from services.provisioning.domain import CREATE, LIFE, TERMINATE, Job
from services.provisioning.product_types.base import ACTION_DEADLINE, StepTask
from services.provisioning.product_types.vps import TYPE
from services.provisioning.product_types.vps_steps import STEPS, machine_spec
from tests.support.provisioning import NOW, resource_in

LATER = datetime(2026, 1, 31, 12, 1, tzinfo=UTC)
SIZE = {"cores": 2, "memory_mb": 4096, "disk_gb": 40, "transfer_tb": 4}


def job_of(intent: str = CREATE) -> Job:
    plan = TYPE.plan(intent)
    assert plan is not None
    return Job.planned(intent, plan, resource_in(), key="a key", at=NOW, by="system")


def task_of(**changes: Any) -> StepTask:
    fields: dict[str, Any] = {
        "intent": CREATE,
        "step": "create",
        "tries": 1,
        "last": False,
        "reference": "svc_1",
        "external_ref": "100",
        "name": "web",
        "spec": SIZE,
        "configuration": {"template": "t"},
        **changes,
    }
    return StepTask(**fields)


def test_a_vps_can_be_brought_through_its_whole_life_and_every_step_is_known() -> None:
    assert set(TYPE.plans) == set(LIFE)
    for plan in [*TYPE.plans.values(), *(action.plan for action in TYPE.actions.values())]:
        names = [step.name for step in plan.steps]
        assert len(names) == len(set(names))
        assert set(names) <= set(STEPS)


def test_a_delivery_is_reserved_before_it_is_made_and_verified_last() -> None:
    names = [step.name for step in TYPE.plans[CREATE].steps]
    assert names == ["reserve", "create", "configure", "grow_disk", "start", "address", "verify"]


@pytest.mark.parametrize("intent", [*LIFE, "start", "stop", "reboot"])
def test_every_intent_ends_with_a_look_at_what_it_did(intent: str) -> None:
    plan = TYPE.plan(intent)
    assert plan is not None
    assert plan.steps[-1].looks
    assert plan.steps[-1].name.startswith("verify")


@pytest.mark.parametrize("action", ["start", "stop", "reboot"])
def test_an_action_somebody_waits_for_has_little_time(action: str) -> None:
    assert TYPE.actions[action].plan.deadline == ACTION_DEADLINE < timedelta(hours=1)


def test_a_job_goes_through_its_steps_in_order() -> None:
    job = job_of()
    assert not job.begun
    for step in list(job.steps):
        assert job.next_step() is step
        step.begin(NOW)
        step.finish(LATER)
    assert job.next_step() is None
    assert job.begun


def test_a_look_that_is_repeated_keeps_the_time_of_the_first() -> None:
    step = job_of().steps[0]
    step.begin(NOW)
    step.begin(LATER)
    assert (step.started_at, step.tries) == (NOW, 2)


def test_a_step_that_had_to_wait_begins_anew() -> None:
    step = job_of().steps[0]
    step.begin(NOW)
    step.wait("the provider is away")
    step.begin(LATER)
    assert (step.started_at, step.state) == (LATER, "active")


def test_going_back_opens_every_later_step() -> None:
    job = job_of()
    for step in job.steps[:6]:
        step.begin(NOW)
        step.finish(NOW)
    assert job.go_back_to("start", "it went off") is job.step("start")
    assert [step.state for step in job.steps] == ["done"] * 4 + ["waiting"] * 3
    assert job.step("start").detail == "it went off"
    assert job.step("start").tries == 1


def test_a_renewed_job_has_its_time_again_and_its_failed_step_open() -> None:
    job = job_of()
    job.steps[0].begin(NOW)
    job.steps[0].fail("no", NOW)
    job.renew(LATER + timedelta(hours=24))
    assert job.steps[0].state == "waiting"
    assert job.deadline_at == LATER + timedelta(hours=24)


def test_an_unknown_step_of_a_job_is_an_error_and_a_forgotten_one_of_a_plan_tells_its_name() -> None:
    with pytest.raises(KeyError):
        job_of().step("dance")
    assert TYPE.plans[CREATE].step("some_old_step").title == "Some old step"


def test_a_machine_is_ordered_as_it_was_sold() -> None:
    ordered = machine_spec(task_of())
    assert (ordered.hostname, ordered.template) == ("web", "t")
    assert (ordered.cores, ordered.memory_mb, ordered.disk_gb) == (2, 4096, 40)
    assert (ordered.user, ordered.ssh_keys, ordered.password, ordered.autostart) == (None, (), None, True)


def test_a_machine_that_must_stay_off_does_not_come_up_with_its_host() -> None:
    assert not machine_spec(task_of(intent=TERMINATE, held=True)).autostart


@pytest.mark.parametrize(
    "configuration",
    [{}, {"template": ""}, {"template": 9}, {"template": "t", "ssh_keys": ["ssh-ed25519 AAAA"]},
     {"template": "t", "ssh_keys": ["-----BEGIN OPENSSH PRIVATE KEY-----"]}],
)  # fmt: skip
def test_what_cannot_be_put_in_is_refused(configuration: dict[str, Any]) -> None:
    with pytest.raises(ProviderRejected):
        machine_spec(task_of(configuration=configuration))


def test_a_password_never_shows_in_what_is_ordered() -> None:
    assert "hunter2" not in repr(machine_spec(task_of(), "hunter2"))


def test_a_disk_does_not_shrink() -> None:
    assert TYPE.refuse_change({"disk_gb": 40}, {"disk_gb": 20}) is not None
    assert TYPE.refuse_change({"disk_gb": 40}, {"disk_gb": 40}) is None
    assert TYPE.refuse_change({"disk_gb": 40}, {"disk_gb": 80}) is None
