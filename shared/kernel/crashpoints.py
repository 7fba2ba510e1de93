"""Named places where a test may kill the process, so that "a crash can happen anywhere" is a test, not a hope.

`EZ_CRASH_AT=provisioning.after_create` kills the process with SIGKILL the first time it reaches that
point; `…:3` waits for the third time. Unset (always so in production: `ez check --deploy` insists) a point
costs one comparison.
"""

import os
import signal

_armed, _, _nth = os.environ.get("EZ_CRASH_AT", "").partition(":")
_remaining = int(_nth or 1)


def reach(point: str) -> None:
    """Dies here, without any clean-up, when this point is armed."""
    global _remaining
    if _armed != point:
        return
    _remaining -= 1
    if _remaining <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
