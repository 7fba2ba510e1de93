"""What use cases are given beside their unit of work."""

from dataclasses import dataclass
from datetime import timedelta

from services.provisioning.adapters.sealing import Sealer
from services.provisioning.adapters.tables import JobQueue
from services.provisioning.product_types import ProductTypes


@dataclass(frozen=True, slots=True)
class Tools:
    """`grace` is how long the data of an ended service is kept."""

    queue: JobQueue
    types: ProductTypes
    sealer: Sealer
    grace: timedelta
