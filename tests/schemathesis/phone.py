"""Enrols a phone, so that requests come from a device that is one, and writes what the run needs: its token, an
exchange that brings nothing, and values that name it and its log's beginning. Most made-up requests would else be another
device's.
"""

import base64
import json
import subprocess
import sys
import time
import uuid
from pathlib import Path

import plan
from asking import ask

url, login, password, out = sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4])
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ZERO = "0" * 64


def openssl(*arguments, given=None):
    """What it writes."""
    return subprocess.run(["openssl", *arguments], input=given, capture_output=True, check=True).stdout


def b64(bytes_):
    """Base64url without padding."""
    return base64.urlsafe_b64encode(bytes_).rstrip(b"=").decode()


def signed(key, text):
    """ES256: r and s out of their DER, the lower s."""
    der = openssl("dgst", "-sha256", "-sign", key, given=text.encode())
    split = 4 + der[3]
    r, s = int.from_bytes(der[4:split], "big"), int.from_bytes(der[split + 2 :], "big")
    return b64(r.to_bytes(32, "big") + min(s, ORDER - s).to_bytes(32, "big"))


_, cookie = ask(f"{url}/api/session", body={"login": login, "password": password})
worker = ask(f"{url}/api/workers", {"cookie": cookie})[0][0]["id"]
invitation = ask(f"{url}/api/workers/{worker}/enrolment", {"cookie": cookie}, {})[0]
key = str(out / "key.pem")
openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
public_key = b64(openssl("pkey", "-in", key, "-pubout", "-outform", "DER"))
enrolling = {"code": invitation["code"], "public_key": public_key, "name": "示例手机", "app": "0.1.0"}
enrolled = ask(f"{url}/v1/enrol", body=enrolling)[0]
device = enrolled["device"]
nonce = ask(f"{url}/v1/challenge", body={"device": device})[0]["nonce"]
signature = signed(key, f"nuanfang/token/1\n{device}\n{nonce}")
token = ask(f"{url}/v1/token", body={"device": device, "nonce": nonce, "signature": signature})[0]["token"]

exchange = {
    "v": 1,
    "req": str(uuid.uuid4()),
    "device": device,
    "epoch": enrolled["epoch"],
    "scopes": [],
    "caps": {"app": "0.1.0", "kinds": [], "enc": []},
    "t": {"wall_ms": int(time.time() * 1000), "mono_ms": 600_000, "boot": str(uuid.uuid4()), "tz": "Asia/Shanghai"},
    "base": 0,
    "base_sha": ZERO,
    "head_sha": ZERO,
    "ops": [],
}
dictionaries = {
    "device": [device],
    "worker": [worker],
    "epoch": [enrolled["epoch"]],
    "version": [1],
    "beginning": [0],
    "hash": [ZERO],
    "key": [public_key],
}
bindings = [
    ("^/v1/sync", {"body.v": "version", "body.device": "device", "body.epoch": "epoch", "body.base": "beginning",
                   "body.base_sha": "hash", "body.head_sha": "hash"}),
    ("^/v1/(challenge|token)", {"body.device": "device"}),
    ("^/v1/enrol", {"body.public_key": "key"}),
]
plan.write(out, dictionaries, bindings)
(out / "token").write_text(token)
(out / "sync.json").write_text(json.dumps(exchange))
print("phone", device)
