"""Logs in and writes what the run needs: the session, and the names of what the played day left behind.

A name made up at random is only ever unknown; most tries bear one that is there.
"""

import json
import sys
from pathlib import Path
from urllib.request import Request, build_opener

url, login, password, out = sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4])
opener = build_opener()


def ask(path, body=None, cookie=None):
    """An answer's JSON and its cookie."""
    headers = {"x-nuanfang": "1", "content-type": "application/json"}
    if cookie:
        headers["cookie"] = cookie
    data = None if body is None else json.dumps(body).encode()
    with opener.open(Request(url + path, data=data, headers=headers), timeout=30) as answer:
        return json.load(answer), (answer.headers.get("set-cookie") or "").split(";")[0]


def try_to_read(path, cookie):
    """What this role may not read it does not need."""
    try:
        return ask(path, cookie=cookie)[0]
    except OSError:
        return []


_, cookie = ask("/api/session", {"login": login, "password": password})
read = lambda path: try_to_read(path, cookie)
board = read("/api/board")
cards = board["cards"] if board else []
visits = [card["id"] for card in cards]
versions = sorted({card["plan_version"] for card in cards})
households = read("/api/households?size=20")
households = [row["id"] for row in households["rows"]] if households else []
workers = [worker["id"] for worker in read("/api/workers")]
devices = [device["id"] for device in read("/api/devices")]
users = [user["id"] for user in read("/api/users") if user["login"] != login]
kept = [row["op"] for row in read("/api/quarantine")]
reports = [str(report["id"]) for report in read("/api/import/reports")]
prices = [row["sha"] for row in read("/api/price-lists") if "sha" in row]
documents, photos = [], []
for visit in visits:
    documents += [document["id"] for document in read(f"/api/visits/{visit}/documents")]
    whole = read(f"/api/visits/{visit}")
    photos += [photo["sha"] for photo in (whole.get("photos", []) if whole else [])]

dictionaries = {
    "visits": visits,
    "versions": versions,
    "households": households,
    "workers": workers,
    "devices": devices,
    "users": users,
    "kept": kept,
    "reports": reports,
    "prices": prices,
    "documents": documents,
    "photos": photos,
    "lanes": [0, 1, 2],
}
bindings = [
    ("^/api/visits/{id}", {"path.id": "visits", "path.lane": "lanes", "path.record": "documents"}),
    ("^/api/visits", {"body.household": "households", "body.assignee": "workers", "body.plan_version": "versions",
                      "body.follows": "visits", "body.price_list": "prices"}),
    ("^/api/households/{id}", {"path.id": "households"}),
    ("^/api/devices/{id}", {"path.id": "devices"}),
    ("^/api/documents/{id}", {"path.id": "documents"}),
    ("^/api/photos/{sha}", {"path.sha": "photos"}),
    ("^/api/workers/{id}", {"path.id": "workers"}),
    ("^/api/workers$", {"query.for_visit": "visits"}),
    ("^/api/users/{id}", {"path.id": "users"}),
    ("^/api/quarantine/{op}", {"path.op": "kept"}),
    ("^/api/import/reports/{file}", {"path.file": "reports"}),
]
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
(out / "cookie").write_text(cookie)
print(login, {name: len(values) for name, values in dictionaries.items()})
