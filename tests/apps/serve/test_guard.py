"""Which requests the server answers, and the policy that its pages run under."""

import socket

import pytest


@pytest.mark.parametrize(
    "path", ["/../app.py", "/%2e%2e/app.py", "/..%2fapp.py", "/page/../../store.py", "//etc/passwd"]
)
def test_page_serves_nothing_but_its_own_files(server, path):
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert b" 404 " in line.makefile("rb").readline()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:1234"}, 200),
        ({"Host": "[::1]:8000"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "localhost:80@evil.example"}, 403),
        ({"Host": "192.168.0.9"}, 403),
        ({"Host": "[::1"}, 403),
        ({"Host": "localhost:8000", "Origin": "http://evil.example"}, 403),
        ({"Host": "localhost:8000", "Origin": "null"}, 403),
        ({"Host": "localhost:8000", "Origin": "http://localhost:8000"}, 200),
    ],
)
def test_only_the_pages_own_host_and_origin_are_answered(server, headers, status):
    assert server.client.get("/api/limits", headers=headers).status_code == status


def test_page_runs_under_a_strict_policy(server):
    for path in ("/", "/api/limits", "/nothing", "/openapi.json"):
        policy = server.client.get(path).headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self';" in policy and "unsafe" not in policy
    page = server.client.get("/").text
    assert "http://" not in page.replace("http://www.w3.org/", "") and "https://" not in page
    assert server.client.get("/docs").status_code == server.client.get("/redoc").status_code == 404
