"""What every published fact has in common, and the register of all of them."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

EVENTS: dict[str, type["Event"]] = {}


class Event(BaseModel):
    """A fact another context may rely on. Its wire type is also its routing key: `context.thing.happened.v1`.

    `subject` names the field that says which thing the fact is about. Unknown fields are ignored, so a publisher
    may add fields without breaking older consumers; a breaking change is a new version beside the old one.
    `personal` says that the payload names or describes a person: no inbox or outbox keeps it longer than it needs it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    wire_type: ClassVar[str] = ""
    subject_field: ClassVar[str] = ""
    personal: ClassVar[bool] = False

    def __init_subclass__(cls, *, wire_type: str, subject: str, personal: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.wire_type = wire_type
        cls.subject_field = subject
        cls.personal = personal
        if wire_type in EVENTS:
            raise ValueError(f"{wire_type} is registered twice")
        EVENTS[wire_type] = cls

    @property
    def subject(self) -> str:
        """The id of the thing this fact is about."""
        return str(getattr(self, self.subject_field))


def context_of(wire_type: str) -> str:
    """The context that publishes a type: the word before the first dot."""
    return wire_type.partition(".")[0]
