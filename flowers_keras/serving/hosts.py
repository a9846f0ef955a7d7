"""Where the page listens, and the host names that it accepts.

Another site can make its own name resolve to this machine (DNS rebinding) and then read this page's replies;
the Host header reveals that. Requests from pages of other sites carry their Origin.
"""

import dataclasses
import ipaddress
import socket
import urllib.parse

from flowers_keras.errors import UserError

EVERYWHERE = ("0.0.0.0", "::")  # listening there serves every machine that can reach this one


@dataclasses.dataclass(frozen=True)
class Hosts:
    """The host names that a page accepts, in addition to every IP address.

    Attributes:
      local: names of this machine.
      allowed: names that the owner added, for instance that of a proxy in front; "*.example.org"
        stands for every name below example.org.
    """

    local: frozenset[str]
    allowed: frozenset[str]

    def refusal(self, host: str, origin: str | None) -> str | None:
        """Why a request is refused and what helps; None if it is accepted.

        Args:
          host: its Host header, "" without one.
          origin: its Origin header, None without one.

        Example:
          >>> hosts = make_hosts("127.0.0.1", ["flowers.example"])
          >>> hosts.refusal("flowers.example", "https://flowers.example") is None
          True
          >>> hosts.refusal("other.example:7860", None)
          'this page does not answer to the name other.example; start it with --allow-host other.example'
        """
        name = _host_name(host)
        if not name:
            return "the request does not say which host it wants"
        if not (name in self.local or self._is_allowed(name) or _is_address(name)):
            return f"this page does not answer to the name {name}; start it with --allow-host {name}"
        scheme, _, site = (origin or "").partition("://")
        if origin is None or (scheme == "http" and _place(site) == _place(host)):
            return None
        # A proxy in front speaks TLS, and may pass on another Host than the browser sent.
        name = _host_name(site) if scheme in ("http", "https") else ""
        if self._is_allowed(name):
            return None
        reason = "the request comes from a page of another site"
        advice = f"; if {name} is a proxy of this page, start it with --allow-host {name}"
        return reason + (advice if name else "")

    def _is_allowed(self, name):
        parents = {f"*.{name[i + 1 :]}" for i, character in enumerate(name) if character == "."}
        return name in self.allowed or not parents.isdisjoint(self.allowed)


def make_hosts(host, allowed=()):
    """The Hosts of a page that listens on `host`; other machines know this one by its name or by mDNS."""
    name = socket.gethostname().lower()
    local = {"localhost", host.lower(), *([name, f"{name}.local"] if host in EVERYWHERE else [])}
    return Hosts(frozenset(local), frozenset(map(allowed_name, allowed)))


def allowed_name(text):
    """The name that browsers send of a server typed as a name, "name:port" or a URL; for `type=`.

    Raises:
      UserError: it is not a name.

    Example:
      >>> [allowed_name(text) for text in ("Flowers.example:8443", "https://m\u00fcnchen.example/page")]
      ['flowers.example', 'xn--mnchen-3ya.example']
    """
    name = text if _is_address(text) else _host_name(text.partition("://")[2] if "://" in text else text)
    try:
        name = name if name.isascii() else name.encode("idna").decode()
    except UnicodeError:
        name = ""
    if not name.strip("*.") or " " in name:
        raise UserError(
            f"--allow-host={text} is not a name of a server; type one, such as flowers.example.org"
        )
    return name


def listening_host(text):
    """The name or address that `--host=TEXT` means; for `type=`.

    Raises:
      UserError: this machine has no such address.

    Example:
      >>> listening_host("[::1]"), listening_host("localhost")
      ('::1', 'localhost')
    """
    name = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        found = name and socket.getaddrinfo(name, None)
    except (OSError, UnicodeError):
        found = None
    if not found:
        raise UserError(
            f"--host={text} is not an address of this machine; type 127.0.0.1, 0.0.0.0 for all networks that "
            "it is in, or one of its addresses"
        )
    return name


def listen(host, port):
    """A socket that listens on `host` and `port`; 0 takes a free port, "::" IPv4, too, where that can be.

    Raises:
      UserError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    try:
        return socket.create_server((host, port), family=family, dualstack_ipv6=both)
    except (OSError, OverflowError) as error:
        raise UserError(
            f"cannot listen on --host={host} --port={port} ({error}); choose another, for instance --port=0"
        ) from error


def page_url(host, port):
    """Where a browser on this machine finds a page that listens on `host`.

    Example:
      >>> page_url("0.0.0.0", 7860), page_url("::1", 80)
      ('http://localhost:7860', 'http://[::1]:80')
    """
    name = "localhost" if host in EVERYWHERE else host
    return f"http://{f'[{name}]' if ':' in name else name}:{port}"


def _host_name(host):
    """The name in "name:port", in small letters; "" where there is none."""
    try:
        parts = urllib.parse.urlsplit(f"//{host}")
        name = (parts.hostname or "").rstrip(".")
    except ValueError:
        return ""
    return name if host.isprintable() and len(name) < 256 and not parts.username else ""


def _place(host):
    """(name, port) of "name:port" or "name" under http."""
    return _host_name(host), host.rpartition("]")[2].partition(":")[2] or "80"


def _is_address(name):
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return False
