"""What runs without a request: the jobs, and what the clock asks for; each transaction calls one use case.

runner   takes a claimed job through its steps
clock    the first provider, deadlines, removals, drift, cleaning up
drift    our books beside what a provider lists
metrics  how delivery is doing
"""

from services.provisioning.jobs.clock import clock_jobs, timer_handlers
from services.provisioning.jobs.runner import JobRunner

__all__ = ["JobRunner", "clock_jobs", "timer_handlers"]
