"""The sizing of very large runs, against sums done by hand."""

import pytest
import sizing

EXACT = {"decode": 100, "network": 50, "write": 100, "price": 0.1}


def test_the_formula():
    found = sizing.size(sizing.Figures(**EXACT, photos=36e6, cores=4, hours=24))
    assert found.core_seconds == pytest.approx(0.04) and found.rate == pytest.approx(100)
    assert found.core_hours == pytest.approx(400) and found.cost == pytest.approx(40)
    assert (found.machines, found.bottleneck) == (5, "network") and found.time == pytest.approx(20)
    half = sizing.size(sizing.Figures(**EXACT, photos=36e6, cores=4, hours=24, used=0.5))
    assert half.cost == pytest.approx(80) and half.machines == 9


def test_a_network_card_may_be_the_bottleneck():
    card = {"photo_bytes": 900e3, "map_bytes": 100e3, "gigabits": 0.4, "cores": 4}  # 50 photos a second
    found = sizing.size(sizing.Figures(**EXACT, photos=18e4, **card))
    assert (found.bottleneck, found.load) == ("transfer", 1.0) and found.rate == pytest.approx(50)
    assert found.time == pytest.approx(1) and found.cost == pytest.approx(0.4)


def test_requests_are_counted_by_the_thousand():
    found = sizing.size(sizing.Figures(**EXACT, photos=10e6, get_price=0.001, put_price=0.004))
    assert found.requests == pytest.approx(50)


def test_the_command(capsys):
    options = [f"--{name}={value}" for name, value in EXACT.items()]
    sizing.main([*options, "--photos", "36e6", "--cores", "4"])
    shown = capsys.readouterr().out
    assert "| **machines for 24 hours** | **5**, which take 20.0 hours |" in shown and "**40.00**" in shown
    for wrong in (["--write", "0"], ["--used", "2"], ["--hours=-1"]):
        with pytest.raises(SystemExit):
            sizing.main([*options, *wrong])
        assert "error: " in capsys.readouterr().err
