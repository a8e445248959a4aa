// The compiled daemon as the tests use it: in folders and pins of its own, spoken to with curl as any client would.

import { existsSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { clean, patience, scratchFolder, tool } from "./tool.ts";

export interface Answered {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks at what it expects
  readonly body: any;
}

let made = 0;

export class TestDaemon {
  readonly folder = scratchFolder();
  readonly socket = join(this.folder, "actplane.sock");
  /** Who has an engine open holds a lock on the folder above. */
  readonly pins = `/sys/fs/bpf/actplane-serve-${process.pid}-${++made}/v1`;
  #process: Bun.Subprocess | null = null;
  readonly #tier: string | null;

  constructor(tier: string | null = process.env.ACTPLANE_E2E_TIER ?? null) {
    this.#tier = tier;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  get log(): string {
    const path = join(this.folder, "log");
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  }

  /** Runs until it answers. */
  async start(...more: readonly string[]): Promise<void> {
    const tier = this.#tier === null ? [] : ["--tier", this.#tier];
    this.#process = Bun.spawn(
      [
        ...[tool, "serve", "--socket", this.socket, "--state", join(this.folder, "state")],
        ...["--pins", this.pins, ...tier, ...more],
      ],
      { stdin: "ignore", stdout: "ignore", stderr: Bun.file(join(this.folder, "log")), cwd: "/" },
    );
    const { exited } = this.#process;
    let ended = false;
    void exited.then(() => {
      ended = true;
    });
    for (let i = 0; i < 1500; i++) {
      if (ended) throw new Error(`the daemon ended: ${this.log}`);
      // Not before there is a socket: in an emulated machine asking takes half of what loading needs.
      const answer = existsSync(this.socket)
        ? await this.curl("GET", "/readyz").catch(() => null)
        : null;
      if (answer?.status === 200) return;
      await Bun.sleep(20 * patience);
    }
    throw new Error(`the daemon does not answer: ${this.log}`);
  }

  /** The exit code of a daemon that was told to stop. */
  async exited(): Promise<number> {
    return (await this.#process?.exited) ?? -1;
  }

  async kill(): Promise<void> {
    this.#process?.kill(9);
    await this.#process?.exited;
  }

  /** As operator, unless `prefix` makes it somebody else. */
  curl(
    method: string,
    path: string,
    body?: object,
    prefix: readonly string[] = [],
    headers: readonly string[] = [],
  ): Promise<Answered> {
    return curl(this.socket, method, path, body, prefix, headers);
  }

  /** A domain, by curl. */
  async make(text: string, more: object = {}): Promise<string> {
    const { status, body } = await this.curl("POST", "/v1/domains", {
      name: "agent",
      degraded: true,
      ...(text === "" ? {} : { policy: { text } }),
      ...more,
    });
    if (status !== 201) throw new Error(`${status} ${JSON.stringify(body)}`);
    return body.domain.id;
  }

  /** `actplane exec --domain ID -- WORDS`. */
  prefix(id: string): string[] {
    return [tool, "exec", "--socket", this.socket, "--domain", id, "--"];
  }

  /** Ends everything, pins included; its folder goes too. */
  async end(): Promise<void> {
    const words = ["stop", "--all", "--kill", "--socket", this.socket, "--pins", this.pins];
    Bun.spawnSync([tool, ...words], { timeout: 20_000 * patience });
    await this.kill();
    rmSync(dirname(this.pins), { recursive: true, force: true });
    clean(this.folder);
  }
}

export async function curl(
  socket: string,
  method: string,
  path: string,
  body?: object,
  prefix: readonly string[] = [],
  headers: readonly string[] = [],
): Promise<Answered> {
  const words = [
    ...prefix,
    ...["curl", "-s", "--max-time", "100", "--unix-socket", socket, "-X", method],
    ...["-w", "\n%{http_code}", ...headers.flatMap((header) => ["-H", header])],
    ...(body === undefined
      ? []
      : ["-H", "content-type: application/json", "-d", JSON.stringify(body)]),
    `http://localhost${path}`,
  ];
  const child = Bun.spawn(words, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  const at = out.lastIndexOf("\n");
  const status = Number(out.slice(at + 1));
  if (!Number.isInteger(status) || status === 0)
    throw new Error(`${words.join(" ")}: ${out}${err}`);
  const text = out.slice(0, at);
  return { status, body: text === "" ? null : parsed(text) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
