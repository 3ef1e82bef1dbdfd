"""Memory of a server that works for a long time, measured from outside."""

import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.apps.serve.conftest import Running, form

#: The allocator settles within the first groups; what it grows afterwards, a leak of one small map a group included,
#: would be above this.
MOST_GROWTH = 24 << 20


def resident(pid):
    return int(re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[1]) << 10


def work_through(server, groups):
    """Groups of two photos, five requests each and those that ask for the job."""
    for _ in range(groups):
        answer = server.client.post("/api/groups", files=form("a.png", "b.png")).json()
        group, photo_id = answer["group"], answer["photos"][0]["id"]
        server.client.post(f"/api/groups/{group}/job").raise_for_status()
        server.wait(group)
        for view in ("map", "overlay"):
            server.client.get(f"/api/groups/{group}/photos/{photo_id}/{view}").raise_for_status()
        server.client.delete(f"/api/groups/{group}").raise_for_status()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_memory_is_flat_over_500_requests():
    command = [sys.executable, "-m", "cosod", "serve", "--port", "0", "--size", "64", "--device", "cpu"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        port = re.search(r":(\d+) in a browser", process.stderr.readline())[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            server = Running(client, int(port), None, None)
            work_through(server, 30)
            before = resident(process.pid)
            work_through(server, 100)
            after = resident(process.pid)
        assert after - before < MOST_GROWTH, f"{before >> 20} MB became {after >> 20} MB"
    finally:
        process.terminate()
        process.wait(20)
