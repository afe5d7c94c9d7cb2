"""Which web pages may talk to the instrument."""

import pytest

from realtime.oscquery.guard import refusal


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (None, None),
        ("127.0.0.1:9001", None),
        ("localhost:9001", None),
        ("[::1]:9001", "http://[::1]:8080"),
        ("[fe80::1%25eth0]:9001", None),
        ("203.0.113.9:9001", None),
        ("studio:9001", None),
        ("studio.local:9001", "http://tablet.local"),
        ("192.168.1.4:9001", "http://192.168.1.7:8080"),
        ("127.0.0.1:9001", "http://localhost:3000"),
        ("127.0.0.1:9001", "file://"),
        ("127.0.0.1:9001", "capacitor://localhost"),
    ],
)
def test_programs_and_pages_of_the_same_network_are_let_in(host: str | None, origin: str | None) -> None:
    assert refusal(host, origin) == ""


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("evil.example:9001", None),
        ("127.0.0.1.evil.example", None),
        ("", None),
        ("[", None),
        ("127.0.0.1:9001", "null"),
        ("127.0.0.1:9001", "https://evil.example"),
        ("127.0.0.1:9001", "HTTPS://evil.example"),
        ("127.0.0.1:9001", "http://8.8.8.8"),
        ("127.0.0.1:9001", "http://localhost.evil.example"),
        ("127.0.0.1:9001", "http://["),
        ("127.0.0.1:9001", "http://"),
    ],
)
def test_pages_of_the_internet_are_not(host: str, origin: str | None) -> None:
    assert refusal(host, origin) != ""
