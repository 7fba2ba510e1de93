"""What each call accepts, checked and worded as the API of Proxmox VE does (400 with one error per parameter)."""

import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import unquote

from sandbox.hypervisor.models import ConfigValue, PveError, parse_size

Check = Callable[[str], ConfigValue]

MIN_VMID: Final = 100
MAX_VMID: Final = 999_999_999
_DNS_NAME = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_\-+.]*")
_TRUE: Final = frozenset({"1", "on", "yes", "true"})
_FALSE: Final = frozenset({"0", "off", "no", "false"})


def text(value: str) -> str:
    return value


def boolean(value: str) -> int:
    if value.lower() in _TRUE:
        return 1
    if value.lower() in _FALSE:
        return 0
    raise ValueError(f"type check ('boolean') failed - got '{value}'")


def integer(minimum: int, maximum: int) -> Check:
    def check(value: str) -> int:
        if not re.fullmatch(r"-?\d{1,18}", value):
            raise ValueError(f"type check ('integer') failed - got '{value}'")
        if int(value) < minimum:
            raise ValueError(f"value must have a minimum value of {minimum}")
        if int(value) > maximum:
            raise ValueError(f"value must have a maximum value of {maximum}")
        return int(value)

    return check


def memory(value: str) -> str:
    return str(integer(16, 4_194_304)(value))


def vmid(value: str) -> int:
    if not re.fullmatch(r"[1-9]\d{2,8}", value):
        raise ValueError("invalid format - value does not look like a valid VM ID\n")
    return int(value)


def dns_name(value: str) -> str:
    if not _DNS_NAME.fullmatch(value):
        raise ValueError("invalid format - value does not look like a valid DNS name\n")
    return value


def tags(value: str) -> str:
    found = [tag for tag in re.split(r"[;, ]+", value) if tag]
    if not all(_TAG.fullmatch(tag) for tag in found):
        raise ValueError("invalid format - invalid characters in tag\n")
    return ";".join(dict.fromkeys(tag.lower() for tag in found))


def url_encoded(value: str) -> str:
    if re.search(r"[^A-Za-z0-9\-_.!~*'()%]", value) or re.search(r"%(?![0-9A-Fa-f]{2})", value):
        raise ValueError(f"invalid format - invalid urlencoded string: {value}\n")
    unquote(value, errors="strict")
    return value


def properties(value: str) -> str:
    if not all("=" in part for part in value.split(",")):
        raise ValueError("invalid format - value without key, but schema does not define a default key\n")
    return value


def disk_size(value: str) -> str:
    try:
        parse_size(value.removeprefix("+"))
    except ValueError:
        raise ValueError("value does not match the regex pattern") from None
    return value


CLONE: Final[Mapping[str, Check]] = {
    "newid": vmid, "name": dns_name, "description": text, "full": boolean, "storage": text,
    "format": text, "pool": text, "target": text, "snapname": text, "bwlimit": integer(0, 2**31),
}  # fmt: skip
CONFIG: Final[Mapping[str, Check]] = {
    "name": dns_name, "description": text, "tags": tags, "cores": integer(1, 8192), "sockets": integer(1, 4),
    "memory": memory, "balloon": integer(0, 2**31), "cpu": text, "onboot": boolean, "protection": boolean,
    "agent": text, "boot": text, "ostype": text, "ciuser": text, "cipassword": text, "ciupgrade": boolean,
    "sshkeys": url_encoded, "nameserver": text, "searchdomain": text, "delete": text, "digest": text,
    "skiplock": boolean, "force": boolean, "background_delay": integer(1, 30),
    **{f"ipconfig{n}": properties for n in range(8)}, **{f"net{n}": text for n in range(8)},
}  # fmt: skip
RESIZE: Final[Mapping[str, Check]] = {"disk": text, "size": disk_size, "digest": text, "skiplock": boolean}
POWER: Final[Mapping[str, Check]] = {
    "timeout": integer(0, 86_400), "skiplock": boolean, "forceStop": boolean, "keepActive": boolean,
    "overrule-shutdown": boolean, "todisk": boolean, "nocheck": boolean,
}  # fmt: skip
DESTROY: Final[Mapping[str, Check]] = {
    "purge": boolean, "destroy-unreferenced-disks": boolean, "skiplock": boolean,
}  # fmt: skip
RESOURCES: Final[Mapping[str, Check]] = {"type": text}
NEXT_ID: Final[Mapping[str, Check]] = {"vmid": vmid}
LOG: Final[Mapping[str, Check]] = {"start": integer(0, 2**31), "limit": integer(0, 2**31)}
TICKET: Final[Mapping[str, Check]] = {"username": text, "password": text, "realm": text, "new-format": boolean}


def verify(
    given: Mapping[str, str], accepted: Mapping[str, Check], required: tuple[str, ...] = ()
) -> dict[str, ConfigValue]:
    """The parameters, converted. Raises PveError 400 naming every one that is wrong, unknown or missing."""
    errors = {name: "property is missing and it is not optional" for name in required if name not in given}
    values: dict[str, ConfigValue] = {}
    for name, value in given.items():
        check = accepted.get(name)
        if check is None:
            errors[name] = "property is not defined in schema and the schema does not allow additional properties"
            continue
        try:
            values[name] = check(value)
        except ValueError as problem:
            errors[name] = str(problem)
    if errors:
        raise PveError(400, "Parameter verification failed.", errors)
    return values
