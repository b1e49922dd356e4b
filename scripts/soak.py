"""What takes longer than a suite may, part by part, each to its end whatever the one before it found; and what they
counted in one report, target/soak.json: seeds, steps, faults by kind, checks, failures, and each part's own report. A part
that ends badly or without a report is a failure like any other. The same is printed at the end, for people.

Usage: soak.py MINUTES RELEASE: for how long new seeds are played, and which commit's phones and server meet those of this tree."""

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

TARGET = Path("target")
SWEEP = ["run", "--bin", "nuanfang-crash-sweep", "--", "--full"]
KILLED = ["test", "--test", "processes", "killed::"]
SIMULATE = ["run", "-p", "nuanfang-simulation", "--"]
BENCH = ["run", "--bin", "nuanfang-bench", "--", "--large", "--repeats"]
# An idle exchange takes 0.05 ms or 0.09, as the machine wakes its threads: fewer times would toss a coin.
LARGE = [*BENCH, "15", "B5"]
LOST = [*BENCH, "1", "B16"]
KILLS = "1000"
# Bytes of a file that may be sent again after a cut: of half the cuts, and of any.
AGAIN = (64 * 1024, 1024 * 1024)


@dataclass
class Row:
    """What a part did and found."""

    part: str
    # First and last.
    seeds: list[int] = field(default_factory=list)
    # How much it did, by what it counts in.
    did: dict[str, float] = field(default_factory=dict)
    faults: Counter = field(default_factory=Counter)
    checks: int = 0
    failures: list = field(default_factory=list)


def play(part: str, command: list[str]) -> tuple[dict | list | None, list[str]]:
    """Runs a part; what it counted, and what was wrong with how it ended."""
    counted = (TARGET / f"{part}.json").absolute()
    counted.unlink(missing_ok=True)
    verb, *words = command
    json_option = ["--json", str(counted)] if verb == "run" else []
    environment = os.environ | {"KILLS": KILLS, "KILLS_JSON": str(counted)}
    ended = subprocess.run(["cargo", verb, "--locked", "--profile", "soak", *words, *json_option], check=False, env=environment)
    wrong = [f"{part} ended with exit status {ended.returncode}"] if ended.returncode else []
    try:
        return json.loads(counted.read_text()), wrong
    except (OSError, ValueError) as error:
        return None, [*wrong, f"{part} left no report: {error}"]


def meet(release: str) -> Row:
    """Phones and servers of that release with those of this tree."""
    row = Row("matrix", did={"releases": 2})
    ended = subprocess.run(["sh", "scripts/matrix.sh", release], check=False, stdout=subprocess.PIPE, text=True)
    print(ended.stdout, end="")
    row.checks = sum(int(passed) for passed in re.findall(r"(\d+) passed", ended.stdout))
    if ended.returncode or not row.checks:
        row.failures.append(f"{release} and this tree: exit status {ended.returncode}, {row.checks} tests passed")
    return row


def told(found: dict) -> list:
    """The failures that a part tells in full, and how many it does not."""
    more = found["failed"] - len(found["failures"])
    return found["failures"] + ([f"{found['workload']}: {more} more"] if more else [])


def sweep_rows(sweep: dict) -> list[Row]:
    crashes = sweep["crashes"] + sweep["without_syncs"]
    crashed, disks, network = Row("crash sweep"), Row("failing disks"), Row("network")
    seeds = [part["seed"] for part in crashes]
    crashed.seeds = [min(seeds), max(seeds)]
    crashed.did = {"indexes": sum(part["indexes"] for part in crashes)}
    crashed.checks = sum(part["checks"] for part in crashes)
    for part in crashes:
        crashed.faults.update(part["crashes"])
    crashed.failures = [failure for part in sweep["crashes"] for failure in told(part)]
    crashed.failures += [f"{part['workload']}: nothing was lost, and must be" for part in sweep["without_syncs"] if not part["failed"]]
    disks.did = {"changes": sum(part["changes"] for part in sweep["faults"])}
    for part in sweep["faults"]:
        disks.faults.update(part["runs"])
    # After each the database is looked over, and what was promised asked for.
    disks.checks = disks.faults.total()
    disks.failures = [failure for part in sweep["faults"] for failure in told(part)]
    chaos = sweep["chaos"]
    network.seeds = [chaos["first_seed"], chaos["first_seed"] + chaos["runs"] - 1]
    network.did = {count: chaos[count] for count in ("runs", "requests")}
    network.faults.update(chaos["faults"])
    network.checks = chaos["operations"] + chaos["files"]
    network.failures = list(chaos["failures"])
    if any(bytes_again > most for bytes_again, most in zip(sweep["sent_again"], AGAIN)):
        network.failures.append(f"bytes sent again after a cut: {sweep['sent_again']}, at most {list(AGAIN)}")
    if not sweep["holds"] and not crashed.failures + disks.failures + network.failures:
        crashed.failures.append("it does not hold: what it does to plain SQLite, or what is sent again after a lost reply")
    return [crashed, disks, network]


def killed_rows(killed: dict) -> list[Row]:
    seeds = [killed["from"], killed["from"] + killed["seeds"] - 1]
    did = {"notes": killed["notes"]}
    return [Row("", seeds, did, Counter(killed["faults"]), killed["checks"], killed["failures"])]


def simulation_rows(played: dict) -> list[Row]:
    seeds = [played["from"], played["from"] + played["seeds"] - 1]
    did = {"steps": played["steps"], "operations": played["operations"]}
    return [Row("", seeds, did, Counter(played["faults"]), played["checks"], played["failures"])]


def figure_rows(figures: list) -> list[Row]:
    row = Row("", checks=len(figures))
    for figure in figures:
        value, goal = figure["value"], figure["goal"]
        row.did[figure["id"]] = value or 0
        if value is None or (goal is not None and value > goal):
            row.failures.append(f"{figure['id']}: {value}, goal {goal}")
    return [row]


def rows_of(part: str, read, report: dict | list | None, wrong: list[str]) -> list[Row]:
    """What is told of a part; of one without a report that it has none."""
    try:
        rows = [Row("")] if report is None else read(report)
    except (KeyError, TypeError, ValueError) as error:
        rows = [Row("", failures=[f"{part} left a report of another form: {error!r}"])]
    rows[0].part = rows[0].part or part
    rows[0].failures = [*rows[0].failures, *wrong]
    return rows


def count(counts: dict) -> str:
    return ", ".join(f"{name} {n:,.10g}" for name, n in sorted(counts.items()))


def tell(row: Row) -> None:
    seeds = f"seeds {row.seeds[0]} to {row.seeds[1]}; " if row.seeds else ""
    did = f"{count(row.did)}; " if row.did else ""
    print(f"{row.part}: {seeds}{did}{row.checks:,} checks; {row.faults.total():,} faults; {len(row.failures)} failures")
    if row.faults:
        print(f"  faults: {count(row.faults)}")
    for failure in row.failures:
        print(f"  FAILED: {in_words(failure)}")


def in_words(failure: dict | str) -> str:
    return failure if isinstance(failure, str) else ", ".join(f"{name} {value}" for name, value in failure.items())


def main(minutes: str, release: str) -> None:
    TARGET.mkdir(exist_ok=True)
    # Seeds that no run before began with; the report names them.
    first = str(int(time.time()) * 1000)
    day = ["--from", first, "--phones", "2000", "--hours", "24", "--seeds", "1", "--steps", "100000"]
    parts = {
        "crash-sweep": (sweep_rows, SWEEP),
        "killed": (killed_rows, KILLED),
        "day": (simulation_rows, [*SIMULATE, *day]),
        "simulation": (simulation_rows, [*SIMULATE, "--from", first, "--seeds", "1000000000", "--minutes", minutes]),
        "large": (figure_rows, LARGE),
        "lost": (figure_rows, LOST),
    }
    reports, rows = {}, []
    for part, (read, command) in parts.items():
        reports[part], wrong = play(part, command)
        rows += rows_of(part, read, reports[part], wrong)
    rows.append(meet(release))
    faults = sum((row.faults for row in rows), Counter())
    failures = [failure for row in rows for failure in row.failures]
    report = {
        "seeds": {row.part: row.seeds for row in rows if row.seeds},
        "steps": sum(row.did.get("steps", 0) for row in rows),
        "faults": dict(sorted(faults.items())),
        "checks": sum(row.checks for row in rows),
        "failures": failures,
        "holds": not failures,
        "summary": [vars(row) for row in rows],
        "parts": reports,
    }
    (TARGET / "soak.json").write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n")
    print()
    for row in rows:
        tell(row)
    print(f"{report['steps']:,} steps, {report['checks']:,} checks, {faults.total():,} faults, {len(failures)} failures: target/soak.json")
    sys.exit(0 if report["holds"] else 1)


main(*sys.argv[1:])
