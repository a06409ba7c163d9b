#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A platform's metadata service on port 80 of the addresses that are given: service.py ROUTES MODE-FILE LOG ADDRESS[:PORT]|[ADDRESS]...

ROUTES is a JSON object of path -> text; what is not there is 404. "token": true, or the name of the header, asks for a token from
latest/api/token, or an object: "path" of that request, "require" and "body" of it, "form" of its answer (%s), the "header" and its
"prefix" before the token. "require": {HEADER: VALUE} refuses requests without. What is posted is appended to LOG.posted. The first
line of MODE-FILE says how it behaves: good; slow; busy N (503 to the first N requests); limit N (429 with Retry-After to them); cut N (closes
in the middle of the answers to them); loop (redirects to itself); huge (a body without an end); refuse (403 to all); silent.
"""
import http.server
import json
import os
import socket
import socketserver
import sys
import threading
import time

routes_path, mode_path, log_path = sys.argv[1:4]
TOKEN = "tokenvalue-4711"
lock = threading.Lock()
counts = {}


def mode():
    with open(mode_path, encoding="ascii") as f:
        words = f.read().split()
    return words[0], int(words[1]) if len(words) > 1 else 0


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass

    def answer(self, status, text, headers=()):
        data = text.encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def misbehave(self):
        """True: that was the answer."""
        name, n = mode()
        with lock:
            stamp = os.stat(mode_path).st_mtime_ns
            counts[stamp] = counts.get(stamp, 0) + 1
            number = counts[stamp]
            with open(log_path, "a", encoding="ascii") as f:
                f.write(f"{self.command} {self.path} {self.client_address[0]}\n")
        if name == "slow":
            time.sleep(0.3)
        elif name == "silent":
            time.sleep(600)
        elif name == "busy" and number <= n:
            self.answer(503, "busy\n")
            return True
        elif name == "limit" and number <= n:
            self.answer(429, "slowly\n", [("Retry-After", "1")])
            return True
        elif name == "cut" and number <= n:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"begin")
            self.close_connection = True
            return True
        elif name == "loop":
            self.answer(302, "", [("Location", self.path)])
            return True
        elif name == "refuse":
            self.answer(403, "no\n")
            return True
        elif name == "huge":
            self.send_response(200)
            self.send_header("Content-Length", str(10 << 30))
            self.end_headers()
            for _ in range(10 << 10):
                self.wfile.write(b"x" * (1 << 20))
            return True
        return False

    def do_PUT(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        if self.misbehave():
            return
        token = self.token()
        if not token or self.path != token.get("path", "/latest/api/token"):
            self.answer(404, "")
        elif any(self.headers.get(k) != v for k, v in token.get("require", {}).items()):
            self.answer(403, "no\n")
        elif token.get("body", body) != body:
            self.answer(400, "no\n")
        else:
            self.answer(200, token.get("form", "%s").replace("%s", TOKEN))

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.misbehave():
            return
        with open(log_path + ".posted", "ab") as f:
            f.write(body)
        self.answer(200, "")

    @staticmethod
    def routes():
        with open(routes_path, encoding="utf-8") as f:
            return json.load(f)

    def token(self):
        """Which token is wanted, and how; None: none."""
        token = self.routes().get("token")
        if token is True:
            token = "X-aws-ec2-metadata-token"
        return {"header": token} if isinstance(token, str) else token

    def do_GET(self):
        if self.misbehave():
            return
        routes = self.routes()
        token = self.token()
        if token and self.headers.get(token["header"]) != token.get("prefix", "") + TOKEN:
            self.answer(401, "")
        elif any(self.headers.get(k) != v for k, v in routes.get("require", {}).items()):
            self.answer(403, "")
        elif self.path in routes:
            self.answer(200, routes[self.path])
        else:
            self.answer(404, "not here\n")


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass


class Server6(Server):
    address_family = socket.AF_INET6


def server_of(place):
    if place.startswith("["):
        return Server6((place.strip("[]"), 80), Handler)
    host, _, port = place.partition(":")
    return Server((host, int(port or 80)), Handler)


servers = [server_of(a) for a in sys.argv[4:]]
for server in servers[1:]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
servers[0].serve_forever()
