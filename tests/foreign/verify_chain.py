#!/usr/bin/env python3
"""Verifies an audit chain. Written from docs/AUDIT-FORMAT.md alone, to prove that the page is enough.

verify_chain.py AUDIT_DIR PUBLIC_KEY_HEX [SEQ:HASH ...]
Prints `holds RECORDS PENDING SEQ:HASH` and ends with 0, or `broken WHY` and ends with 1.
"""

import hashlib
import json
import os
import re
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

NAME = re.compile(r"chain-(\d{4}-(?:0[1-9]|1[0-2]))\.jsonl\Z", re.ASCII)
TIME = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z", re.ASCII)
MAX_LINE, MAX_BATCH = 1 << 20, 16 << 20
SHORT = {"\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}


class Broken(Exception):
    pass


def need(condition, why):
    if not condition:
        raise Broken(why)


def unhex(text, length):
    need(isinstance(text, str) and re.fullmatch("[0-9a-f]{%d}" % (2 * length), text), "not hexadecimal")
    return bytes.fromhex(text)


def signed(key, message, signature):
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise Broken("signature") from None


def spell(text):
    return '"' + "".join(SHORT.get(c) or (f"\\u{ord(c):04x}" if c < " " else c) for c in text) + '"'


def number(n):
    return n.to_bytes(8, "big")


class Walk:
    def __init__(self, key, anchors):
        self.keys, self.anchors = [key], anchors
        self.seq, self.hash, self.station = 0, bytes(32), None

    def step(self, line, month, first):
        need(len(line) <= MAX_LINE and line.endswith(b"\n"), "line")
        line = line[:-1]
        try:
            text = line.decode()
            # Every JSON number keeps its text: what is clear is kept byte for byte and not spelled again.
            record = json.loads(text, parse_float=str)
        except (ValueError, RecursionError):
            raise Broken("no JSON") from None
        names = ["seq", "prev", "time", "station", "session", "actor", "event", "payload", "hash"]
        need(isinstance(record, dict) and list(record) == names, "fields")
        need(isinstance(record["seq"], int) and all(isinstance(record[n], str) for n in names[1:4] + names[5:7]), "types")
        session, payload = record["session"], record["payload"]
        need(session is None or isinstance(session, str), "session")
        begun = f'{{"seq":{record["seq"]},"prev":"{record["prev"]}","time":{spell(record["time"])},"station":{spell(record["station"])},'
        begun += f'"session":{"null" if session is None else spell(session)},"actor":{spell(record["actor"])},"event":{spell(record["event"])},"payload":'
        tail = f',"hash":"{record["hash"]}"}}'
        need(text.startswith(begun) and text.endswith(tail) and len(tail) == 75, "spelling")
        between = text[len(begun):-75]
        need(isinstance(payload, dict) and len(payload) == 1, "payload")
        if "sealed" in payload:
            need(isinstance(payload["sealed"], str) and between == '{"sealed":' + spell(payload["sealed"]) + "}", "payload")
        else:
            need("clear" in payload and between.startswith('{"clear":') and between.endswith("}"), "payload")
            value = between[9:-1]
            need(value == value.strip(" \t\r\n"), "payload")
            try:
                json.loads(value)
            except ValueError:
                raise Broken("payload") from None
        found = hashlib.sha256(line[:-75] + b"}").digest()
        need(found == unhex(record["hash"], 32), "hash")
        need(record["seq"] == self.seq + 1 and unhex(record["prev"], 32) == self.hash, "order")
        need(self.station in (None, record["station"]), "station")
        need(TIME.match(record["time"]), "time")
        need(record["time"][:7] == month if first else record["time"][:7] <= month, "month")
        before = number(self.seq) + self.hash
        if record["event"] == "checkpoint":
            need("clear" in payload and list(payload["clear"]) == ["signature"], "checkpoint")
            signed(self.keys[-1], b"datenschleuse audit checkpoint 1\n" + before, unhex(payload["clear"]["signature"], 64))
        if record["event"] == "key-rotated":
            need("clear" in payload and list(payload["clear"]) == ["previous", "next", "by_previous", "by_next"], "rotation")
            previous, following = unhex(payload["clear"]["previous"], 32), unhex(payload["clear"]["next"], 32)
            need(previous == self.keys[-1], "rotation")
            message = b"datenschleuse audit key rotation 1\n" + before + previous + following
            signed(previous, message, unhex(payload["clear"]["by_previous"], 64))
            signed(following, message, unhex(payload["clear"]["by_next"], 64))
            self.keys.append(following)
        self.seq, self.hash, self.station = record["seq"], found, record["station"]
        need(self.anchors.get(self.seq, found) == found, "anchor")


def head_of(directory):
    with open(os.path.join(directory, "HEAD"), "rb") as file:
        content = file.read(MAX_BATCH + 100_000)
    line, separator, batch = content.partition(b"\n")
    try:
        header = json.loads(line)
    except ValueError:
        raise Broken("HEAD") from None
    names = ["version", "file", "offset", "seq", "hash", "keys", "signature"]
    need(separator and isinstance(header, dict) and list(header) == names and header["version"] == 2, "HEAD")
    need(json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode() == line, "HEAD")
    need(isinstance(header["keys"], list) and 1 <= len(header["keys"]) <= 1000, "HEAD")
    need(all(isinstance(header[n], int) and 0 <= header[n] < 1 << 64 for n in ("offset", "seq")), "HEAD")
    need(isinstance(header["file"], str) and NAME.match(header["file"]), "HEAD")
    keys = [unhex(key, 32) for key in header["keys"]]
    message = b"datenschleuse audit head 2\n" + header["file"].encode() + b"\n"
    message += number(header["offset"]) + number(header["seq"]) + unhex(header["hash"], 32) + b"".join(keys)
    signed(keys[-1], message, unhex(header["signature"], 64))
    return header, keys, batch


def verify(directory, key, anchors):
    need(os.path.isfile(os.path.join(directory, "HEAD")), "no HEAD")
    header, keys, batch = head_of(directory)
    need(key in keys, "another key")
    names = sorted(name for name in os.listdir(directory) if name not in ("HEAD", "HEAD.tmp", "LOCK"))
    need(all(NAME.match(name) for name in names), "a foreign file")
    need(all(name <= header["file"] for name in names), "a file after HEAD")
    walk, tail = Walk(keys[0], anchors), b""
    for name in names:
        month, at = NAME.match(name)[1], 0
        end = header["offset"] if name == header["file"] else os.path.getsize(os.path.join(directory, name))
        need(end > 0 or name == header["file"], "an empty file")
        with open(os.path.join(directory, name), "rb") as file:
            while at < end:
                line = file.readline(MAX_LINE + 1)
                need(line, "cut off")
                walk.step(line, month, at == 0)
                at += len(line)
            need(at == end, "HEAD does not fit")
            if name == header["file"]:
                tail = file.read(len(batch) + 1)
    need(header["file"] in names or header["offset"] == 0, "cut off")
    need(len(tail) <= len(batch) and all(a in (b, 0) for a, b in zip(tail, batch)), "the end is not what HEAD says")
    whole = next((i for i, (a, b) in enumerate(zip(tail, batch)) if a != b), len(tail))
    month = NAME.match(header["file"])[1]
    lines = batch.split(b"\n")
    need(lines.pop() == b"" and lines, "HEAD")
    for i, line in enumerate(lines):
        walk.step(line + b"\n", month, i == 0 and header["offset"] == 0)
    need((walk.seq, walk.hash.hex()) == (header["seq"], header["hash"]) and walk.keys == keys, "the end is not what HEAD says")
    need(all(1 <= seq <= walk.seq for seq in anchors), "anchor")
    pending = batch[whole:].count(b"\n")
    return f"holds {walk.seq} {pending} {walk.seq}:{walk.hash.hex()}"


def main():
    anchors = {int(seq): bytes.fromhex(value) for seq, value in (anchor.split(":") for anchor in sys.argv[3:])}
    try:
        print(verify(sys.argv[1], bytes.fromhex(sys.argv[2]), anchors))
    except Broken as why:
        print("broken", why)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
