"""``cosod serve``: what ends it before it starts. The server itself is tested in tests/serve."""

import socket

import pytest

from cosod.apps.serve.running import listen
from cosod.cli import main


def test_port_in_use_is_one_sentence(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SystemExit) as ended:
        main(["serve", "--port", str(taken.getsockname()[1])])
    assert ended.value.code == 1
    error = capsys.readouterr().err
    assert error.startswith("Error: cannot listen on 127.0.0.1 port") and "--port" in error


def test_limit_of_nothing_is_refused(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--port", "0", "--max-photos", "0"])
    assert ended.value.code == 1 and "positive" in capsys.readouterr().err


def test_no_part_of_an_answer_waits_for_the_one_before():
    with listen("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        connection, _ = listening.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
