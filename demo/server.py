"""A server on the loopback: appends every connection and what it said to a log. `server.py LOG PORT_FILE`."""

import http.server
import os
import sys

LOG, PORT_FILE = sys.argv[1:3]


def note(text):
    with open(LOG, "a") as log:
        log.write(text + "\n")


class Handler(http.server.BaseHTTPRequestHandler):
    def setup(self):
        note("connection")
        super().setup()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        note(f"{self.path} {body.decode(errors='replace').strip()}")
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
open(LOG, "w").close()
with open(PORT_FILE + ".new", "w") as port:
    port.write(str(server.server_port))
os.rename(PORT_FILE + ".new", PORT_FILE)
server.serve_forever()
