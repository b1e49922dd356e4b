"""One request and its answer."""

import json
from urllib.request import Request, build_opener

OPENER = build_opener()


def ask(url, headers=None, body=None):
    """An answer's JSON and its cookie."""
    headers = {"x-nuanfang": "1", "content-type": "application/json"} | (headers or {})
    data = None if body is None else json.dumps(body).encode()
    with OPENER.open(Request(url, data=data, headers=headers), timeout=30) as answer:
        return json.load(answer), (answer.headers.get("set-cookie") or "").split(";")[0]
