#!/usr/bin/python3
"""A web server on loopback that misbehaves on request.

httpd.py FOLDER LOG PORTFILE: serves the files of FOLDER, adds a line to LOG for each request, and
writes its port to PORTFILE once it listens. At the port in PORTFILE.late it does not listen before
it is asked for /listen/. The first part of a path says how it behaves:

  /ok/F        as it should
  /cut/F       hangs up in the middle of the first answer for F
  /norange/F   ignores Range
  /cutnorange/F  both
  /alwayscutnorange/F  ignores Range, and hangs up in the middle each time
  /long/F      promises one byte more than there is
  /short/F     promises one byte less
  /endless/F   promises nothing, and adds to the file
  /wrong/F     another file of the same size
  /page/F      the page of a hotel's network
  /404/F       says 404 (any such number)
  /partial/F   says 206, also when the whole file was asked for
  /500twice/F  says 500 to the first two requests for F
  /429/F       says 429 with Retry-After: 1 to the first
  /429long/F   says 429 with Retry-After: 3600
  /stall/F     stops in the middle of the first answer
  /hang/F      never answers
  /slow/F      takes two seconds
  /drip/F      takes a second for each tenth of the file
  /trickle/F   sends three bytes a second, for a minute
  /away/F      redirects to /ok/F
  /round/F     redirects to itself
  /local/F     redirects to a file URL
  /part/F      answers a Range with another part than the one asked for
"""
import collections
import http.server
import os
import sys
import threading
import time

FOLDER, LOG, PORTFILE = sys.argv[1:4]
counts = collections.Counter()
lock = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        range_header = self.headers.get("Range", "")
        with lock:
            counts[self.path] += 1
            self.nth = counts[self.path]
            with open(LOG, "a", encoding="ascii") as log:
                print(self.path, range_header, file=log)
        _, way, name = self.path.split("/", 2)
        try:
            self.behave(way, name, range_header)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def behave(self, way, name, range_header):
        if way == "hang":
            time.sleep(60)
            self.close_connection = True
            return
        if way == "listen":
            late.server_activate()
            threading.Thread(target=late.serve_forever, daemon=True).start()
            return self.say(200)
        if way.isdigit() and way != "429":
            return self.say(int(way))
        if way == "500twice" and self.nth <= 2:
            return self.say(500)
        if way == "429" and self.nth == 1:
            return self.say(429, {"Retry-After": "1"})
        if way == "429long":
            return self.say(429, {"Retry-After": "3600"})
        if way in ("away", "round", "local"):
            target = {"away": "/ok/" + name, "round": self.path,
                      "local": "file://" + os.path.abspath(os.path.join(FOLDER, name))}[way]
            return self.say(302, {"Location": target})
        if way == "page":
            return self.send(200, b"<html>Welcome to our hotel</html>", {"Content-Type": "text/html"})
        with open(os.path.join(FOLDER, name), "rb") as file:
            content = file.read()
        if way == "wrong":
            content = bytes(byte ^ 1 for byte in content)
        self.serve(way, content, range_header)

    def serve(self, way, content, range_header):
        start = 0
        headers = {}
        if way == "partial" or range_header and "norange" not in way:
            start = int(range_header.removeprefix("bytes=").rstrip("-") or 0)
            if start >= len(content):
                return self.say(416)
            said = start + 1 if way == "part" else start
            headers["Content-Range"] = f"bytes {said}-{len(content) - 1}/{len(content)}"
        body = content[start:]
        status = 206 if headers else 200
        if way == "slow":
            time.sleep(2)
        half = len(body) // 2
        if way == "drip":
            self.begin(status, len(body), headers)
            step = len(body) // 10 + 1
            for at in range(0, len(body), step):
                self.wfile.write(body[at:at + step])
                self.wfile.flush()
                time.sleep(1)
        elif way == "trickle":
            self.begin(status, len(body), headers)
            for at in range(180):
                self.wfile.write(body[at:at + 1])
                self.wfile.flush()
                time.sleep(1 / 3)
            self.close_connection = True
        elif way in ("cut", "cutnorange") and self.nth == 1 or way == "alwayscutnorange":
            self.begin(status, len(body), headers)
            self.wfile.write(body[:half])
            self.close_connection = True
        elif way == "stall" and self.nth == 1:
            self.begin(status, len(body), headers)
            self.wfile.write(body[:half])
            self.wfile.flush()
            time.sleep(60)
            self.close_connection = True
        elif way == "long":
            self.begin(status, len(body) + 1, headers)
            self.wfile.write(body)
            self.close_connection = True
        elif way == "short":
            self.begin(status, len(body) - 1, headers)
            self.wfile.write(body)
            self.close_connection = True
        elif way == "endless":
            self.begin(status, None, headers)
            self.wfile.write(body + b"and more")
            self.close_connection = True
        else:
            self.send(status, body, headers)

    def begin(self, status, length, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if length is None:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def send(self, status, body, headers):
        self.begin(status, len(body), headers)
        self.wfile.write(body)

    def say(self, status, headers=None):
        self.send(status, b"no\n", headers or {})


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that hangs up is part of the tests."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def write_port(of, path):
    with open(path + ".tmp", "w", encoding="ascii") as portfile:
        print(of.server_address[1], file=portfile)
    os.rename(path + ".tmp", path)


late = Server(("127.0.0.1", 0), Handler, bind_and_activate=False)
late.server_bind()
write_port(late, PORTFILE + ".late")
server = Server(("127.0.0.1", 0), Handler)
write_port(server, PORTFILE)
server.serve_forever()
