"""A domain with a policy and a command in it, and what is refused there: Python's own library, as root."""
import http.client, json, os, socket

class Daemon(http.client.HTTPConnection):
    def __init__(self):
        super().__init__("actplane")

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(os.environ.get("ACTPLANE_SOCKET", "/run/actplane/actplane.sock"))

    def ask(self, method, path, body=None):
        self.request(method, path, body and json.dumps(body), {"content-type": "application/json"})
        reply = self.getresponse()
        text = reply.read()
        if reply.status >= 300:
            raise SystemExit(text.decode())
        return json.loads(text) if text else None

daemon = Daemon()
policy = 'rule no-push: block exec "git" "push" because "a person pushes"'
command = ["sh", "-c", "git push; sleep 1"]
made = daemon.ask("POST", "/v1/domains", {"name": "agent", "policy": {"text": policy}, "argv": command})
domain = f"/v1/domains/{made['domain']['id']}"
feedback = daemon.ask("GET", f"{domain}/feedback?after=0&wait=10")
for record in feedback["records"]:
    print(f"refused: {record['target']}: {record['because']}")
daemon.ask("POST", f"{domain}/feedback/ack", {"seq": feedback["next"]})
daemon.ask("DELETE", f"{domain}?kill=1")
