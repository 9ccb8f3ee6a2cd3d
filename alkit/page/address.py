"""Address of a page: its port and token, kept so that an open page continues after a restart."""

from __future__ import annotations

import json
import os
import secrets
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

from alkit.atomic import writing
from alkit.errors import PageError
from alkit.page.guard import LOCAL


@dataclass(frozen=True)
class Address:
    """Port and token of the page of a ledger.

    They are kept in a file beside the ledger that only its owner can read. A page that was open
    when the server was killed then reaches the next server, and sends what it could not send.

    Attributes:
        token: the token; also the key of the tickets.
        port: the port that was used last; 0 if there was none.
    """

    token: str
    port: int = 0

    @staticmethod
    def beside(ledger: Path) -> Address:
        """Return the kept address of a ledger, or a new one."""
        try:
            kept = json.loads(_file(ledger).read_text())
            return Address(str(kept["token"]), int(kept["port"]))
        except (OSError, ValueError, KeyError, TypeError):
            return Address(secrets.token_urlsafe(24))

    def keep(self, ledger: Path) -> None:
        """Keep the address beside a ledger.

        Raises:
            FolderError: the file cannot be written.
        """
        path = _file(ledger)
        beside = path.with_name(f".{path.name}.{os.getpid()}.part")
        with writing(path):
            beside.unlink(missing_ok=True)
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(handle, "w") as file:
                json.dump(asdict(self), file)
            os.replace(beside, path)


def _file(ledger: Path) -> Path:
    return ledger.with_name(f"{ledger.name}.page")


def bound(host: str, port: int, last: int = 0) -> socket.socket:
    """Return a socket that is bound to a port.

    Args:
        host: name or number of the machine's interface.
        port: the port; 0 for the one that was used last, or a free one if that is taken.
        last: the port that was used last; 0 if there was none.

    Raises:
        PageError: the port is taken, or the host is not one of this machine.
    """
    for wanted in (port,) if port or not last else (last, 0):
        found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        if os.name == "posix":  # elsewhere it would share the port with another program
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((host, wanted))
            found.listen(128)
            return found
        except (OSError, OverflowError) as error:
            found.close()
            reason = error
    raise PageError(
        f"the page cannot be served at {host}:{port} ({reason}): stop the program that uses this "
        "port, or give another port; port=0 takes a free one."
    )


def check_host(host: str, allow_remote: bool) -> None:
    """Check that a host is this machine alone, or that others are allowed to reach it.

    Raises:
        PageError: other machines could reach the page.
    """
    if host not in LOCAL and not allow_remote:
        raise PageError(
            f"at {host}, other machines could reach the page, unencrypted: use host='127.0.0.1', "
            "or allow_remote=True (--allow-remote) in a network that you trust."
        )
