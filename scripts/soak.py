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


def play(part: str, command: list[str], failures: list[str]) -> dict | list | None:
    """Runs a part; what it counted, or nothing where it ended without a word. How it ended is a failure of its own where
    what it counted tells of none."""
    counted = (TARGET / f"{part}.json").absolute()
    counted.unlink(missing_ok=True)
    verb, *words = command
    json_option = ["--json", str(counted)] if verb == "run" else []
    environment = os.environ | {"KILLS": KILLS, "KILLS_JSON": str(counted)}
    done = subprocess.run(["cargo", verb, "--locked", "--profile", "soak", *words, *json_option], check=False, env=environment)
    if not counted.exists():
        failures.append(f"{part}: ended without a word, exit status {done.returncode}")
        return None
    if done.returncode != 0:
        failures.append(f"{part}: exit status {done.returncode}")
    return json.loads(counted.read_text())


def main(minutes: str) -> None:
    TARGET.mkdir(exist_ok=True)
    failures: list[str] = []
    sweep = play("crash-sweep", SWEEP, failures)
    killed = play("killed", KILLED, failures)
    # Seeds that no run before began with; the report names them.
    first = str(int(time.time()) * 1000)
    day = [*SIMULATE, "--from", first, "--phones", "2000", "--hours", "24", "--seeds", "1", "--steps", "100000"]
    day = play("day", day, failures)
    simulation = play("simulation", [*SIMULATE, "--from", first, "--seeds", "1000000000", "--minutes", minutes], failures)
    large = (play("large", LARGE, failures) or []) + (play("lost", LOST, failures) or [])
    crashes = sweep["crashes"] + sweep["without_syncs"] if sweep else []
    played = [part for part in (day, simulation) if part]
    told = {"day": day, "killed": killed, "simulation": simulation}
    faults = {name: Counter(part["faults"]) for name, part in told.items() if part}
    if sweep:
        faults["crash_sweep"] = Counter()
        for kinds in [part["crashes"] for part in crashes] + [part["runs"] for part in sweep["faults"]]:
            faults["crash_sweep"].update(kinds)
        faults["network"] = Counter(sweep["chaos"]["faults"])
        failures += [failure for part in [*sweep["crashes"], *sweep["faults"], sweep["chaos"]] for failure in part["failures"]]
        if not sweep["holds"]:
            failures.append("crash-sweep: a control did not fail as it must, or something did not hold")
    failures += [failure for part in (day, simulation, killed) if part for failure in part["failures"]]
    failures += [f"{figure['id']}: {figure['value']}, goal {figure['goal']}" for figure in large if figure["value"] > figure["goal"]]
    seeds = {name: [part["from"], part["from"] + part["seeds"] - 1] for name, part in told.items() if part}
    if sweep:
        seeds["crash_sweep"] = sorted({part["seed"] for part in crashes})
        chaos = sweep["chaos"]
        seeds["network"] = [chaos["first_seed"], chaos["first_seed"] + chaos["runs"] - 1]
    total = sum(faults.values(), Counter())
    report = {
        "seeds": seeds,
        "steps": sum(part["steps"] for part in played),
        "faults": dict(sorted(total.items())),
        "checks": sum(part["checks"] for part in [*played, *([killed] if killed else []), *crashes]),
        "failures": failures,
        "holds": not failures,
        "parts": {"crash_sweep": sweep, "day": day, "killed": killed, "large": large, "simulation": simulation},
    }
    (TARGET / "soak.json").write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n")
    for name in seeds:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(faults[name].items()))
        print(f"{name}: seeds {seeds[name]}; {kinds}")
    for figure in large:
        print(f"{figure['id']}: {figure['value']:.2f}, goal {figure['goal']}")
    for failure in failures:
        print(f"failed: {failure}")
    print(f"{report['steps']} steps, {report['checks']} checks, {total.total()} faults, {len(failures)} failures: target/soak.json")
    sys.exit(1 if failures else 0)


main(*sys.argv[1:])
