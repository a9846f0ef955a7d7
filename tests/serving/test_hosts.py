"""hosts: where the page listens, and whose requests it takes, by the names in them alone."""

import socket

import pytest

from flowers_keras import demo, user_paths
from flowers_keras.errors import UserError
from flowers_keras.serving import hosts


@pytest.mark.parametrize(
    "host, origin",
    [
        ("LOCALHOST:7860", "http://localhost:7860"),
        ("localhost:7860", "http://LocalHost:7860"),
        ("localhost.:7860", "http://localhost:7860"),
        ("localhost", "http://localhost:80"),
        ("localhost:80", "http://localhost"),  # nginx passes on $host:$server_port
        ("[::1]", "http://[::1]:80"),
    ],
)
def test_one_place_may_be_spelt_in_several_ways(host, origin):
    assert hosts.make_hosts("127.0.0.1").refusal(host, origin) is None


@pytest.mark.parametrize(
    "host, origin",
    [
        ("localhost:7860", "http://localhost:7861"),
        ("localhost:7860", "http://localhost"),
        ("localhost", "http://localhost:8080"),
        ("localhost:443", "https://localhost"),
        ("127.0.0.1:7860", "http://localhost:7860"),
        ("localhost:7860", "http://localhost:7860/"),
        ("localhost:7860", "http://someone@localhost:7860"),
        ("[::1]:7860", "http://[::1:7860"),
    ],
)
def test_another_place_is_refused_and_the_advice_helps(host, origin):
    reason = hosts.make_hosts("127.0.0.1").refusal(host, origin)
    assert reason.startswith("the request comes from a page of another site")
    _, advised, name = reason.partition("--allow-host ")
    if advised:
        assert hosts.make_hosts("127.0.0.1", [name]).refusal(host, origin) is None


@pytest.mark.parametrize("origin", ["null", "file://", "vscode-webview://1a2b", "chrome-extension://abc"])
def test_no_advice_is_given_that_would_not_help(origin):
    """Such a page is of no site, so that there is no name to allow."""
    assert hosts.make_hosts("127.0.0.1").refusal("127.0.0.1:7860", origin) == (
        "the request comes from a page of another site"
    )


@pytest.mark.parametrize("typed", ["", "[]", "http://localhost", "256.1.1.1", "localhost:7860", "x" * 300])
def test_what_is_no_address_is_refused_before_keras_is_loaded(typed, monkeypatch):
    monkeypatch.setattr(user_paths, "model_file", lambda text: text)
    with pytest.raises(UserError, match="is not an address of this machine; type 127.0.0.1, 0.0.0.0"):
        demo.main(["--model=x", f"--host={typed}"])


def test_listening_everywhere_takes_both_kinds_of_addresses():
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine does not join IPv4 and IPv6")
    with hosts.listen(hosts.listening_host("[::]"), 0) as listening:
        port = listening.getsockname()[1]
        for address in ("127.0.0.1", "::1"):
            socket.create_connection((address, port), timeout=10).close()
    with hosts.listen("::1", 0) as listening, pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", listening.getsockname()[1]), timeout=10)
