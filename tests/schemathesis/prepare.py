"""Logs in and writes what the run needs: the session, and the names of what the played day left behind.

A name made up at random is only ever unknown; most tries bear one that is there.
"""

import sys
from pathlib import Path

import plan
from asking import ask

url, login, password, out = sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4])
def try_to_read(path, cookie):
    """What this role may not read it does not need."""
    try:
        return ask(url + path, {"cookie": cookie})[0]
    except OSError:
        return []


_, cookie = ask(f"{url}/api/session", body={"login": login, "password": password})
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
kept = [row["op"] for row in read("/api/quarantine")["rows"]]
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
    "kept": [[op] for op in kept],
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
    ("^/api/quarantine", {"body.ops": "kept"}),
    ("^/api/import/reports/{file}", {"path.file": "reports"}),
]
plan.write(out, dictionaries, bindings)
(out / "cookie").write_text(cookie)
print(login, {name: len(values) for name, values in dictionaries.items()})
