"""What values a run draws from beside its own."""

import json
from pathlib import Path


def write(out, dictionaries, bindings):
    """Writes the run's settings: `bindings` say which parameters of which paths bear a value of which of `dictionaries`."""
    # Nothing of one run is for the next to go by.
    lines = [f"hooks = {json.dumps(str(Path(__file__).with_name('hooks.py')))}", "[cache]", "enabled = false"]
    for name, values in dictionaries.items():
        if values:
            lines += [f"[dictionaries.{name}]", f"values = {json.dumps(values, ensure_ascii=False)}"]
    for path, bound in bindings:
        there = {key: name for key, name in bound.items() if dictionaries[name]}
        if there:
            lines += ["[[operations]]", f"include-path-regex = {json.dumps(path)}", "[operations.parameters]"]
            lines += [f'"{key}" = {{ dictionary = "{name}", probability = 0.8 }}' for key, name in there.items()]
    (out / "schemathesis.toml").write_text("\n".join(lines) + "\n")
