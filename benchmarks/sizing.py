"""What a run of very many photos costs, how many machines it takes, and what it waits for.

    python benchmarks/sizing.py --decode 60 --network 70 --write 50 --price 0.04

The rates are images/s of one core, of photos of the size in question, as benchmarks/rates.py measures them.
The result is a table in Markdown; docs/scaling.md explains the formula.
"""

import argparse
import math
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Figures:
    """What a sizing starts from; the rates are measured, the rest is chosen or read from a price list."""

    #: Images/s that one core reads and shrinks.
    decode: float
    #: Images/s that one core takes through the network.
    network: float
    #: Images/s whose results one core encodes and writes.
    write: float
    #: Price of a core for an hour, in any currency.
    price: float
    photos: float = 10e6
    #: Of a photo and of its map; they size the transfer, not the rates.
    megapixels: float = 1.0
    photo_bytes: float = 300e3
    map_bytes: float = 50e3
    #: Cores of a machine, and what its network card carries.
    cores: int = 16
    gigabits: float = 10.0
    #: Share of the cores' time that a run puts to use: images/s of a run over images/s by the formula.
    used: float = 1.0
    #: Hours in which it should be done.
    hours: float = 24.0
    #: Prices of a thousand requests to the store.
    get_price: float = 0.0
    put_price: float = 0.0


@dataclass(frozen=True)
class Size:
    """What comes of it.

    Attributes:
        core_seconds: a photo.
        core_hours: of all photos.
        rate: images/s of one machine.
        machines: that finish in the hours given.
        time: hours that they take.
        cost: of the cores; ``requests`` is that of the store.
        load: of a machine's network card, 1 where it is full.
        bottleneck: what takes most of a photo's time.
    """

    core_seconds: float
    core_hours: float
    rate: float
    machines: int
    time: float
    cost: float
    requests: float
    load: float
    bottleneck: str


def size(figures: Figures) -> Size:
    """The sizing of a run, as docs/scaling.md derives it."""
    f = figures
    steps = {"decoding": 1 / f.decode, "network": 1 / f.network, "writing": 1 / f.write}
    core_seconds = sum(steps.values()) / f.used
    by_cores = f.cores / core_seconds
    by_card = f.gigabits * 1e9 / 8 / (f.photo_bytes + f.map_bytes)
    rate = min(by_cores, by_card)
    machine_hours = f.photos / rate / 3600
    machines = max(1, math.ceil(machine_hours / f.hours))
    return Size(
        core_seconds=core_seconds,
        core_hours=machine_hours * f.cores,
        rate=rate,
        machines=machines,
        time=machine_hours / machines,
        cost=machine_hours * f.cores * f.price,
        requests=f.photos / 1000 * (f.get_price + f.put_price),
        load=rate / by_card,
        bottleneck="transfer" if by_card < by_cores else max(steps, key=lambda step: steps[step]),
    )


def table(figures: Figures) -> str:
    """The sizing in Markdown, with what it starts from."""
    f, s = figures, size(figures)
    rows = [
        ("photos", f"{f.photos:,.0f} of {f.megapixels:g} Mpx, {f.photo_bytes / 1e3:,.0f} kB each"),
        ("decoding, a core", f"{f.decode:,.1f} images/s"),
        ("network, a core", f"{f.network:,.1f} images/s"),
        ("writing, a core", f"{f.write:,.1f} images/s"),
        ("core time that is used", f"{f.used:.0%}"),
        ("**core time a photo**", f"**{s.core_seconds * 1e3:,.1f} ms**"),
        ("**core hours**", f"**{s.core_hours:,.0f}**"),
        (f"**cost of cores** at {f.price:g} an hour", f"**{s.cost:,.2f}**"),
        ("cost of requests to the store", f"{s.requests:,.2f}"),
        (f"one machine of {f.cores} cores", f"{s.rate:,.0f} images/s"),
        (f"**machines for {f.hours:g} hours**", f"**{s.machines}**, which take {s.time:,.1f} hours"),
        (f"load of a card of {f.gigabits:g} Gbit/s", f"{s.load:.0%}"),
        ("read and written", f"{f.photos * f.photo_bytes / 1e12:,.2f} TB, {f.photos * f.map_bytes / 1e12:,.2f} TB"),
        ("**bottleneck**", f"**{s.bottleneck}**"),
    ]
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def main(arguments: list[str] | None = None) -> None:
    """Prints the table of the figures given as options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    required = ("decode", "network", "write", "price")
    for entry in fields(Figures):
        default = {"required": True} if entry.name in required else {"default": entry.default}
        parser.add_argument(
            f"--{entry.name.replace('_', '-')}", type=int if entry.name == "cores" else float, **default
        )
    options = vars(parser.parse_args(arguments))
    for name, value in options.items():
        if value < 0 or (value == 0 and "price" not in name):
            parser.error(f"--{name.replace('_', '-')} {value:g}: give a positive number")
    if options["used"] > 1:
        parser.error(f"--used {options['used']:g}: give at most 1")
    print(table(Figures(**options)))


if __name__ == "__main__":
    main()
