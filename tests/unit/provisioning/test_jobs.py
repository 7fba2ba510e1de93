"""Plans as data, and how far a job has come."""

from datetime import UTC, datetime, timedelta

import pytest

from services.provisioning.domain import CREATE, KINDS, PLANS, POWER_ACTIONS, Job
from services.provisioning.jobs.steps import _STEPS, machine_spec
from services.provisioning.use_cases.run_job import StepTask
from tests.support.provisioning import NOW, resource_in

LATER = datetime(2026, 1, 31, 12, 1, tzinfo=UTC)


def job_of(kind: str = CREATE) -> Job:
    return Job.planned(kind, resource_in(), key="a key", at=NOW, by="system")


def test_every_kind_of_job_has_a_plan_and_every_step_is_known_to_the_runner() -> None:
    assert set(PLANS) == set(KINDS) == {CREATE, *POWER_ACTIONS}
    for plan in PLANS.values():
        names = [step.name for step in plan.steps]
        assert len(names) == len(set(names))
        assert set(names) <= set(_STEPS)


def test_a_delivery_is_reserved_before_it_is_made_and_verified_last() -> None:
    names = [step.name for step in PLANS[CREATE].steps]
    assert names == ["reserve", "create", "configure", "grow_disk", "start", "address", "verify"]


@pytest.mark.parametrize("kind", POWER_ACTIONS)
def test_a_power_action_ends_with_a_look_at_what_it_did(kind: str) -> None:
    assert PLANS[kind].steps[-1].name == ("verify_stopped" if kind == "stop" else "verify")
    assert PLANS[kind].deadline < timedelta(hours=1)


def test_a_job_goes_through_its_steps_in_order() -> None:
    job = job_of()
    for step in list(job.steps):
        assert job.next_step() is step
        step.begin(NOW)
        step.finish(LATER)
    assert job.next_step() is None


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
    job.renew(LATER)
    assert job.steps[0].state == "waiting"
    assert job.deadline_at == LATER + timedelta(hours=24)


def test_an_unknown_step_is_an_error() -> None:
    with pytest.raises(KeyError):
        job_of().step("dance")
    with pytest.raises(KeyError):
        PLANS[CREATE].step("dance")


def test_a_machine_is_ordered_as_it_was_sold() -> None:
    spec = {"cores": 2, "memory_mb": 4096, "disk_gb": 40, "transfer_tb": 4}
    task = StepTask(
        kind=CREATE,
        step="create",
        tries=1,
        last=False,
        reference="svc_1",
        machine_id=100,
        name="web",
        template="t",
        spec=spec,
    )
    ordered = machine_spec(task)
    assert (ordered.hostname, ordered.template) == ("web", "t")
    assert (ordered.cores, ordered.memory_mb, ordered.disk_gb) == (2, 4096, 40)
