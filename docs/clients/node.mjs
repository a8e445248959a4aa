// A domain with a policy and a command in it, and what is refused there: Node's own library, as root.
import { request } from "node:http";

const socketPath = process.env.ACTPLANE_SOCKET ?? "/run/actplane/actplane.sock";
const headers = { host: "actplane", "content-type": "application/json" };

const ask = (method, path, body) =>
  new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path, headers }, async (reply) => {
      let text = "";
      for await (const part of reply) text += part;
      if (reply.statusCode >= 300) reject(new Error(text));
      else resolve(text === "" ? null : JSON.parse(text));
    });
    asked.on("error", reject);
    asked.end(body && JSON.stringify(body));
  });

const { domain } = await ask("POST", "/v1/domains", {
  name: "agent",
  policy: { text: 'rule no-push: block exec "git" "push" because "a person pushes"' },
  argv: ["sh", "-c", "git push; sleep 1"],
});
const path = `/v1/domains/${domain.id}`;
const { records, next } = await ask("GET", `${path}/feedback?after=0&wait=10`);
for (const { target, because } of records) console.log(`refused: ${target}: ${because}`);
await ask("POST", `${path}/feedback/ack`, { seq: next });
await ask("DELETE", `${path}?kill=1`);
