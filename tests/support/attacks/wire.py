"""PostgreSQL's protocol, one message at a time, for clients that do not keep to it."""
import base64
import hashlib
import hmac
import os
import socket
import struct
import urllib.parse


def cstring(text):
    return (text if isinstance(text, bytes) else text.encode()) + b"\0"


def message(kind, body=b""):
    return kind.encode() + struct.pack("!I", len(body) + 4) + body


def query(sql):
    return message("Q", cstring(sql))


def parse(sql, name=""):
    return message("P", cstring(name) + cstring(sql) + struct.pack("!H", 0))


def bind(statement="", portal="", values=()):
    body = cstring(portal) + cstring(statement) + struct.pack("!HH", 0, len(values))
    for value in values:
        body += struct.pack("!I", len(value)) + value.encode()
    return message("B", body + struct.pack("!H", 0))


def execute(portal="", rows=0):
    return message("E", cstring(portal) + struct.pack("!I", rows))


def describe(kind, name=""):
    return message("D", kind.encode() + cstring(name))


def close(kind, name=""):
    return message("C", kind.encode() + cstring(name))


def function_call(oid, *values):
    body = struct.pack("!IHH", oid, 0, len(values))
    for value in values:
        body += struct.pack("!I", len(value)) + value.encode()
    return message("F", body + struct.pack("!H", 0))


SYNC, FLUSH = message("S"), message("H")


class Closed(Exception):
    """The other side ended the connection; `fields` of the error that it gave."""


def fields(body):
    return {part[:1].decode(): part[1:].decode(errors="replace") for part in body.split(b"\0") if part}


class Wire:
    def __init__(self, uri, timeout=10, **parameters):
        at = urllib.parse.urlsplit(uri)
        self.socket = socket.create_connection((at.hostname, at.port), timeout)
        self.address = (at.hostname, at.port)
        self.buffer = b""
        self.parameters = {}
        start = {"user": at.username, "database": at.path[1:], **parameters}
        body = struct.pack("!I", 196608) + b"".join(cstring(k) + cstring(v) for k, v in start.items()) + b"\0"
        self.socket.sendall(struct.pack("!I", len(body) + 4) + body)
        self.log_in(at.password)

    def log_in(self, password):
        nonce = base64.b64encode(os.urandom(18)).decode()
        bare = f"n=,r={nonce}"
        signature = None
        while True:
            kind, body = self.receive()
            if kind == "E":
                raise Closed(fields(body))
            if kind == "R":
                code = struct.unpack("!I", body[:4])[0]
                if code == 10:
                    first = ("n,," + bare).encode()
                    self.send(message("p", cstring("SCRAM-SHA-256") + struct.pack("!I", len(first)) + first))
                elif code == 11:
                    said = body[4:].decode()
                    given = dict(part.split("=", 1) for part in said.split(","))
                    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(given["s"]), int(given["i"]))
                    key = hmac.digest(salted, b"Client Key", "sha256")
                    final = "c=biws,r=" + given["r"]
                    text = ",".join((bare, said, final)).encode()
                    proof = bytes(a ^ b for a, b in zip(key, hmac.digest(hashlib.sha256(key).digest(), text, "sha256")))
                    self.send(message("p", (final + ",p=" + base64.b64encode(proof).decode()).encode()))
            elif kind == "K":
                self.key = body
            elif kind == "Z":
                return

    def send(self, *messages):
        self.socket.sendall(b"".join(messages))

    def receive(self):
        while len(self.buffer) < 5 or len(self.buffer) < 1 + (size := struct.unpack("!I", self.buffer[1:5])[0]):
            try:
                more = self.socket.recv(65536)
            except ConnectionError:
                more = b""
            if not more:
                raise Closed({})
            self.buffer += more
        kind, body = self.buffer[:1].decode(), self.buffer[5:1 + size]
        self.buffer = self.buffer[1 + size:]
        if kind == "S":
            name, value = body.split(b"\0")[:2]
            self.parameters[name.decode()] = value.decode()
        return kind, body

    def until_ready(self, times=1):
        """All messages up to the last of so many ReadyForQuery; ends before when the connection does, or nothing comes."""
        got = []
        try:
            while times:
                got.append(self.receive())
                times -= got[-1][0] == "Z"
                if got[-1][0] in "GW":  # a copy: nothing comes until it ends
                    self.send(message("f", cstring("no")))
        except (Closed, TimeoutError) as e:
            got.append(("closed" if isinstance(e, Closed) else "silent", b""))
        return got

    def ask(self, *messages, times=1):
        self.send(*messages)
        return self.until_ready(times)

    def value(self, sql):
        """The first value of the first row."""
        for kind, body in self.ask(query(sql)):
            if kind == "D":
                return body[6:6 + struct.unpack("!i", body[2:6])[0]].decode()
            if kind == "E":
                return "error " + fields(body)["M"]
        return None

    def end(self):
        self.socket.close()
