"""Public keys as people paste them."""

import base64
import contextlib
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from shared.kernel.ssh_keys import PrivateKey, PublicKey, parse_public_key


def _string(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def _line(kind: str, *fields: bytes, comment: str = "ada@laptop") -> str:
    blob = _string(kind.encode()) + b"".join(_string(field) for field in fields)
    return f"{kind} {base64.b64encode(blob).decode()} {comment}".strip()


ED25519 = _line("ssh-ed25519", b"\x11" * 32)
KEYS = {
    "ed25519": ED25519,
    "rsa": _line("ssh-rsa", b"\x01\x00\x01", b"\x00" + b"\xff" * 256),
    "nistp256": _line("ecdsa-sha2-nistp256", b"nistp256", b"\x04" + b"\x22" * 64),
    "nistp384": _line("ecdsa-sha2-nistp384", b"nistp384", b"\x04" + b"\x22" * 96),
    "nistp521": _line("ecdsa-sha2-nistp521", b"nistp521", b"\x04" + b"\x22" * 132),
    "security key": _line("sk-ssh-ed25519@openssh.com", b"\x11" * 32, b"ssh:"),
    "security key, ecdsa": _line("sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", b"\x04" * 65, b"ssh:"),
}


@pytest.mark.parametrize("line", KEYS.values(), ids=KEYS)
def test_every_common_type_is_read_and_written_as_it_came(line: str) -> None:
    key = parse_public_key(line)
    assert key.line == line
    assert key.comment == "ada@laptop"


@pytest.mark.parametrize(
    "text",
    [
        f"{ED25519}\r\n",
        f"\ufeff{ED25519}\n\n",
        f"  {ED25519}  ",
        f"# my laptop\n{ED25519}\r",
        ED25519.replace(" ada", "   ada"),
        ED25519.replace(" ", "\t"),
    ],
    ids=["Windows line end", "byte order mark", "spaces around", "comment line", "several spaces", "tabs"],
)
def test_line_ends_comments_and_spaces_do_no_harm(text: str) -> None:
    assert parse_public_key(text).line == ED25519


def test_a_key_without_a_comment_is_a_key() -> None:
    assert parse_public_key(ED25519.removesuffix(" ada@laptop")).comment == ""


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA==\n-----END OPENSSH PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----",
        "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none",
    ],
)
def test_a_private_key_is_refused_with_a_warning_that_does_not_repeat_it(text: str) -> None:
    with pytest.raises(PrivateKey, match="private key") as refused:
        parse_public_key(text)
    assert "MIIE" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Paste a public key"),
        ("hello", "begins with its type"),
        ('command="ls" ' + ED25519, "without options"),
        (f"{ED25519}\n{ED25519}", "one key at a time"),
        (ED25519.replace("ssh-ed25519 ", "ssh-rsa "), "damaged"),
        (ED25519[:40], "damaged"),
        ("ssh-ed25519", "damaged"),
        ("ssh-ed25519 !!!!", "damaged"),
        (_line("ssh-ed25519", b"\x11" * 31), "damaged"),
        (_line("ssh-rsa", b"\x01\x00\x01", b"\xff" * 128), "too short"),
        ("ssh-dss AAAA", "DSA"),
        ("ssh-ed25519-cert-v01@openssh.com AAAA", "certificate"),
        ("---- BEGIN SSH2 PUBLIC KEY ----", "RFC 4716"),
        ("ssh-rsa " + "A" * 9000, "at most"),
    ],
)
def test_what_is_no_key_is_refused_in_words_that_help(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_public_key(text)


@given(some.text(max_size=300))
def test_no_text_breaks_the_reader(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(parse_public_key(text), PublicKey)


@given(some.binary(max_size=120))
def test_no_blob_breaks_the_reader(blob: bytes) -> None:
    with contextlib.suppress(ValueError):
        parse_public_key(f"ssh-ed25519 {base64.b64encode(blob).decode()}")


def test_the_fingerprint_is_what_openssh_printed_for_this_key() -> None:
    assert parse_public_key(ED25519).fingerprint == "SHA256:SQfC+vTbLURn9cTkVxIS8fGQ3FKNAJWeB0o139+gV4M"


@pytest.mark.needs("ssh-keygen")
@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_a_key_that_ssh_keygen_made_has_the_fingerprint_it_prints(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "key"
    keygen = str(shutil.which("ssh-keygen"))
    subprocess.run([keygen, "-q", "-t", kind, "-N", "", "-C", "ada", "-f", str(path)], check=True)
    shown = subprocess.run([keygen, "-lf", f"{path}.pub"], check=True, capture_output=True, text=True).stdout
    assert parse_public_key((tmp_path / "key.pub").read_text()).fingerprint == shown.split()[1]
