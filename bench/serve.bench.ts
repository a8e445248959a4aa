// What the daemon costs: from a refusal to the long poll that waits for it, alone and beside a crowd of other readers,
// and the memory of many domains. With the running kernel, as an agent meets it.
//
//   bun bench/serve.bench.ts           # smoke size, seconds; runs in the tests
//   bun bench/serve.bench.ts --real    # 2,000 refusals, 1,000 readers, 10,000 domains: minutes
//   bun bench/serve.bench.ts --json    # one object, for a machine
//
// A governed program is told to connect to where it may not, by a byte on a pipe; the time runs from that byte to the
// answer of the long poll, so it holds the program's own part as well.

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { dirname, join } from "node:path";

const tool = join(import.meta.dir, "../dist/actplane");
const isReal = process.argv.includes("--real");
const refusals = isReal ? 2_000 : 50;
const readersMany = isReal ? 1_000 : 50;
const domainsMany = isReal ? 10_000 : 50;

const folder = mkdtempSync("/tmp/actplane-bench-");
const socket = join(folder, "actplane.sock");
const pins = `/sys/fs/bpf/actplane-bench-${process.pid}/v1`;
const daemon = Bun.spawn(
  [tool, "serve", "--socket", socket, "--state", join(folder, "state"), "--pins", pins],
  { stdin: "ignore", stdout: "ignore", stderr: "inherit", cwd: "/" },
);

const policy = 'rule no-net: block connect "203.0.113.0/24" because "no way out"';
/** For each byte, a connection that is refused. */
const program = `
import os, socket
while os.read(0, 1):
    s = socket.socket()
    try: s.connect(("203.0.113.1", 443))
    except PermissionError: pass
    s.close()
`;

async function ask(method: string, path: string, body?: object) {
  const response = await fetch(`http://localhost${path}`, {
    method,
    unix: socket,
    signal: AbortSignal.timeout(120_000),
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  // biome-ignore lint/suspicious/noExplicitAny: the shapes are those of openapi.json
  const answer: any = response.status === 204 ? null : await response.json();
  if (response.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
  return answer;
}

async function ready(): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (existsSync(socket)) {
      const answer = await ask("GET", "/readyz").catch(() => null);
      if (answer !== null) return;
    }
    await Bun.sleep(20);
  }
  throw new Error("the daemon does not answer");
}

async function make(name: string): Promise<string> {
  return (await ask("POST", "/v1/domains", { name, policy: { text: policy } })).domain.id;
}

function residentBytes(): number {
  const status = readFileSync(`/proc/${daemon.pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

/** Milliseconds of each refusal, sorted. */
async function latencies(domain: string, times: number): Promise<number[]> {
  const words = ["exec", "--socket", socket, "--domain", domain, "--", "python3", "-c", program];
  const agent = Bun.spawn([tool, ...words], { stdin: "pipe", stdout: "ignore", stderr: "ignore" });
  const found: number[] = [];
  const path = `/v1/domains/${domain}/feedback`;
  let { last: after } = (await ask("GET", `/v1/domains/${domain}`)).feedback;
  for (let i = 0; i < times + 5; i++) {
    const waits = ask("GET", `${path}?after=${after}&wait=60`);
    await Bun.sleep(8);
    const started = performance.now();
    agent.stdin.write("x");
    agent.stdin.flush();
    after = (await waits).next;
    // The first ones start the program.
    if (i >= 5) found.push(performance.now() - started);
  }
  agent.stdin.end();
  await agent.exited;
  return found.sort((a, b) => a - b);
}

/** Long polls that nobody answers, each on a connection of its own. */
async function readers(count: number, domains: readonly string[]): Promise<Socket[]> {
  const all: Socket[] = [];
  for (let i = 0; i < count; i++) {
    const domain = domains[i % domains.length];
    const reader = await connected();
    reader.write(
      `GET /v1/domains/${domain}/feedback?after=0&wait=300 HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    );
    all.push(reader);
  }
  for (let i = 0; i < 500; i++) {
    const text = await (await fetch("http://localhost/metrics", { unix: socket })).text();
    if (text.includes(`actplane_feedback_waiting ${count}\n`)) return all;
    await Bun.sleep(20);
  }
  throw new Error(`${count} readers do not wait`);
}

/** A queue of connections that is full for a moment refuses. */
async function connected(): Promise<Socket> {
  for (let i = 0; ; i++) {
    const reader = connect(socket);
    const failure = await new Promise<Error | null>((resolve) => {
      reader.once("connect", () => resolve(null));
      reader.once("error", resolve);
    });
    if (failure === null) return reader;
    if (i >= 100) throw failure;
    await Bun.sleep(20);
  }
}

const at = (sorted: readonly number[], share: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
const summary = (sorted: readonly number[]) => ({
  p50: at(sorted, 0.5),
  p99: at(sorted, 0.99),
  max: sorted.at(-1) ?? Number.NaN,
});

try {
  await ready();
  const domain = await make("agent");
  const alone = summary(await latencies(domain, refusals));
  const others: string[] = [];
  for (let i = 0; i < 10; i++) others.push(await make(`other-${i}`));
  const before = residentBytes();
  const crowd = await readers(readersMany, others);
  const withReaders = residentBytes();
  const crowded = summary(await latencies(domain, refusals));
  for (const reader of crowd) reader.destroy();
  await Bun.sleep(500);
  const beforeDomains = residentBytes();
  const started = performance.now();
  for (let i = 0; i < domainsMany; i++) await make(`many-${i}`);
  const makeMs = (performance.now() - started) / domainsMany;
  const withDomains = residentBytes();
  const beside = summary(await latencies(domain, Math.min(refusals, 200)));
  const result = {
    refusals,
    latencyMs: { alone, crowded, besideDomains: beside },
    readers: { count: readersMany, bytesEach: (withReaders - before) / readersMany },
    domains: {
      count: domainsMany,
      bytesEach: (withDomains - beforeDomains) / domainsMany,
      makeMs,
      residentBytes: withDomains,
    },
  };
  console.log(process.argv.includes("--json") ? JSON.stringify(result) : told(result));
} finally {
  const words = ["stop", "--all", "--kill", "--socket", socket, "--pins", pins];
  Bun.spawnSync([tool, ...words], { timeout: 60_000 });
  daemon.kill(9);
  await daemon.exited;
  rmSync(dirname(pins), { recursive: true, force: true });
  rmSync(folder, { recursive: true });
}

interface Summary {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

function told(result: {
  readonly refusals: number;
  readonly latencyMs: {
    readonly alone: Summary;
    readonly crowded: Summary;
    readonly besideDomains: Summary;
  };
  readonly readers: { readonly count: number; readonly bytesEach: number };
  readonly domains: {
    readonly count: number;
    readonly bytesEach: number;
    readonly makeMs: number;
    readonly residentBytes: number;
  };
}): string {
  const { latencyMs, readers: many, domains } = result;
  const line = (name: string, { p50, p99, max }: Summary) =>
    `${name.padEnd(34)}  p50 ${p50.toFixed(1)} ms  p99 ${p99.toFixed(1)} ms  max ${max.toFixed(1)} ms`;
  return [
    line("refusal to long poll, alone", latencyMs.alone),
    line(`... beside ${many.count} waiting readers`, latencyMs.crowded),
    line(`... beside ${domains.count} domains`, latencyMs.besideDomains),
    `a waiting reader                    ${(many.bytesEach / 1024).toFixed(0)} KiB`,
    `a domain                            ${(domains.bytesEach / 1024).toFixed(0)} KiB, made in ${domains.makeMs.toFixed(1)} ms`,
    `the daemon with ${domains.count} domains       ${(domains.residentBytes / 1024 / 1024).toFixed(0)} MiB`,
  ].join("\n");
}
