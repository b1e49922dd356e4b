"""What takes longer than a suite may, part by part, each to its end whatever the one before it found; and what they
counted in one report, target/soak.json: seeds, steps, faults by kind, checks, failures, and each part's own report.

Usage: soak.py MINUTES, for which new seeds are played."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
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


def play(part: str, command: list[str]) -> dict | list:
    """Runs a part; what it counted."""
    counted = (TARGET / f"{part}.json").absolute()
    counted.unlink(missing_ok=True)
    verb, *words = command
    json_option = ["--json", str(counted)] if verb == "run" else []
    environment = os.environ | {"KILLS": KILLS, "KILLS_JSON": str(counted)}
    subprocess.run(["cargo", verb, "--locked", "--profile", "soak", *words, *json_option], check=False, env=environment)
    if not counted.exists():
        sys.exit(f"{part} ended without a word")
    return json.loads(counted.read_text())


def main(minutes: str) -> None:
    TARGET.mkdir(exist_ok=True)
    sweep = play("crash-sweep", SWEEP)
    killed = play("killed", KILLED)
    # Seeds that no run before began with; the report names them.
    first = str(int(time.time()) * 1000)
    day = play("day", [*SIMULATE, "--from", first, "--phones", "2000", "--hours", "24", "--seeds", "1", "--steps", "100000"])
    simulation = play("simulation", [*SIMULATE, "--from", first, "--seeds", "1000000000", "--minutes", minutes])
    large = play("large", LARGE) + play("lost", LOST)
    crashes = sweep["crashes"] + sweep["without_syncs"]
    played = [day, simulation]
    chaos = sweep["chaos"]
    faults = Counter()
    for counted in (
        [part["faults"] for part in (*played, killed)]
        + [part["crashes"] for part in crashes]
        + [part["runs"] for part in sweep["faults"]]
        + [chaos["faults"]]
    ):
        faults.update(counted)
    beyond = [f"{figure['id']}: {figure['value']}, goal {figure['goal']}" for figure in large if figure["value"] > figure["goal"]]
    failures = beyond + [failure for part in (*played, killed, *sweep["crashes"], *sweep["faults"], chaos) for failure in part["failures"]]
    seeds = {
        "crash_sweep": sorted({part["seed"] for part in crashes}),
        "killed": [killed["from"], killed["from"] + killed["seeds"] - 1],
        "network": [chaos["first_seed"], chaos["first_seed"] + chaos["runs"] - 1],
        "day": [day["from"], day["from"] + day["seeds"] - 1],
        "simulation": [simulation["from"], simulation["from"] + simulation["seeds"] - 1],
    }
    report = {
        "seeds": seeds,
        "steps": sum(part["steps"] for part in played),
        "faults": dict(sorted(faults.items())),
        "checks": sum(part["checks"] for part in [*played, killed, *crashes]),
        "failures": failures,
        "holds": sweep["holds"] and not failures,
        "parts": {"crash_sweep": sweep, "day": day, "killed": killed, "large": large, "simulation": simulation},
    }
    (TARGET / "soak.json").write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n")
    print(f"{report['steps']} steps, {report['checks']} checks, {faults.total()} faults, {len(failures)} failures: target/soak.json")
    sys.exit(0 if report["holds"] else 1)


main(*sys.argv[1:])
