"""An independent reader of the whole house: does every promise hold, and which ids break it?

It reads the five schemas as superuser, Stripe's sandbox, the hypervisor's own list of machines and the caught mails.
It shares no code with what it checks: a mistake in the product cannot repeat itself here.
"""

from tests.chaos.checker.findings import Finding, Line, Report
from tests.chaos.checker.run import check
from tests.chaos.checker.sources import Sources
from tests.chaos.checker.timelines import timeline

__all__ = ["Finding", "Line", "Report", "Sources", "check", "timeline"]
