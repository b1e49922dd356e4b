"""Prints the table of a run: table.py ROUNDS, a line a round with what each server took."""

import json
import sys
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent


def pouchdb_version(package):
    lock = json.loads((HERE / "pouchdb/package-lock.json").read_text())
    return lock["packages"][f"node_modules/{package}"]["version"]


def kinto_version(package):
    pins = (HERE / "kinto/requirements.txt").read_text().split()
    return dict(pin.split("==") for pin in pins)[package]


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def row(name, durability, rates, load, ratios, goal):
    spread = f"{number(min(rates))}–{number(max(rates))}"
    times = f"{number(median(ratios))} ({number(min(ratios))}–{number(max(ratios))})" if ratios else "–"
    share = f"{median(load):.0%}" if load else "in the same process"
    print(f"| {name} | {durability} | {number(median(rates))} | {spread} | {share} | {times} | {goal} |")


rounds = [[float(value) for value in line.split()] for line in Path(sys.argv[1]).read_text().splitlines()]
ours, pouchdb, pouchdb_load, kinto, kinto_load = zip(*rounds)

print("| server | when it has acknowledged | documents/s, median | runs | load, of one core | ours / its | goal |")
print("| --- | --- | --- | --- | --- | --- | --- |")
row(
    "Nuanfang 0.1.0 (B1)",
    "on the disk: SQLite, WAL, `synchronous = FULL`, one fdatasync before the answers of a commit",
    ours, None, None, "",
)
row(
    f"express-pouchdb {pouchdb_version('express-pouchdb')}, PouchDB {pouchdb_version('pouchdb-core')}, "
    f"leveldown {pouchdb_version('leveldown')}",
    "with the operating system: LevelDB's log without `sync`; a power cut may take it back",
    pouchdb, pouchdb_load, [a / b for a, b in zip(ours, pouchdb)], "≥ 10",
)
row(
    f"Kinto {kinto_version('kinto')}, waitress {kinto_version('waitress')}",
    "in memory: nothing is written; the end of the process takes it back",
    kinto, kinto_load, [a / b for a, b in zip(ours, kinto)], "≥ 50",
)
