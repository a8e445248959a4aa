// `actplane run -- CMD`: the command and everything it starts, governed from its first instruction.

import { createWriteStream, type WriteStream } from "node:fs";
import { resolve } from "node:path";
import { assert } from "../../base/assert.ts";
import { hasErrors } from "../../base/diagnostic.ts";
import type { Compiled } from "../../ir/ir.ts";
import { takeInheritance } from "../../kernel/inheritance.ts";
import { type Kernel, KernelUnavailable, type Tier } from "../../kernel/kernel.ts";
import { LaunchCode, type LaunchOptions } from "../../kernel/launch.ts";
import { findUser, type Identity, sudoUser, type User } from "../../kernel/user.ts";
import { clockAt } from "../../runtime/clock.ts";
import type { FeedbackRecord } from "../../runtime/feedback.ts";
import {
  cancelStart,
  type GovernResult,
  govern,
  type Start,
  startEarly,
} from "../../runtime/govern.ts";
import { Journal, JournalRefused } from "../../runtime/journal.ts";
import { allowsDegraded, weakOf } from "../acceptance.ts";
import { type CompiledPolicy, compilePolicy } from "../compiled-policy.ts";
import type { Host } from "../host.ts";
import type { Io } from "../io.ts";
import { launchOf } from "../launch-options.ts";
import { PolicyFileError } from "../policy-file.ts";
import { counted, grouped } from "../text/counted.ts";
import { diagnosticsJson, renderDiagnostics, summaryOf, wantsColor } from "../text/diagnostic.ts";
import { eventJson } from "../text/event.ts";
import { reasonNotToWrite, reasonOf } from "../text/failure.ts";
import { renderFeedback } from "../text/feedback.ts";
import { lossesOf, lossLines } from "../text/losses.ts";
import { isUrgent, modelLine } from "../text/model.ts";
import { printable } from "../text/printable.ts";
import {
  type ClauseVerdict,
  renderFirstVerdicts,
  renderVerdictsBriefly,
  verdictJson,
  verdictsIn,
} from "../text/verdicts.ts";

export interface RunArguments {
  readonly policy?: string;
  readonly rule?: string;
  readonly domain?: string;
  readonly user?: string;
  readonly tier?: Tier;
  readonly events?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly degraded?: boolean;
  /** Say nothing but one line a refusal, for a model that reads the command's standard error. */
  readonly annotateStderr?: boolean;
  /** Names that the operator approves from the start. */
  readonly approve?: readonly string[];
  /** Bytes of the ring between the kernel and us. */
  readonly ringBytes: number;
  readonly command: readonly string[];
}

/** The exit code is the command's, or 125 where it was not started. */
export async function run(io: Io, host: Host, given: RunArguments): Promise<number> {
  try {
    return await new Run(io, host, given).start();
  } catch (error) {
    if (!(error instanceof Unstarted)) throw error;
    io.stderr.write(
      given.json === true
        ? `${JSON.stringify({ schema_version: 1, type: "error", text: error.message, ...error.facts })}\n`
        : `${error.before}actplane: ${error.message}\n`,
    );
    return LaunchCode.failed;
  }
}

/** Why the command was not started, in the user's words. */
class Unstarted extends Error {
  /** `before` stands in front of the message in a text, `facts` beside it in JSON. */
  constructor(
    message: string,
    readonly before = "",
    readonly facts: object = {},
  ) {
    super(message);
  }
}

class Run {
  readonly #clock;
  private readonly given: RunArguments;
  /** Matches that were told: each is told once. */
  readonly #told = new Set<string>();
  /** Matches that were not told for that. */
  #repeated = 0;
  #events: WriteStream | null = null;
  #journal: Journal | null = null;

  constructor(
    private readonly io: Io,
    private readonly host: Host,
    given: RunArguments,
  ) {
    this.given = given.annotateStderr === true ? { ...given, quiet: true } : given;
    this.#clock = clockAt(host.monotonicNs(), host.epochMs());
  }

  async start(): Promise<number> {
    if (this.given.command.length === 0)
      throw new Unstarted("no command was given: `actplane run [options] -- command [arguments]`");
    const inheritance = takeInheritance();
    requirePrivilege();
    const user = this.#user();
    const launch = { ...launchOf(this.io, user, this.given.command), inheritance };
    const start = startEarly(launch);
    let prepared: CompiledPolicy & { compiled: Compiled };
    try {
      prepared = await this.#prepare(user);
    } catch (failure) {
      await cancelStart(start);
      throw failure;
    }
    const result = await this.#govern(start, launch, prepared);
    await closeEvents(this.#events);
    if (result.exitCode === null) return LaunchCode.failed;
    const { exitCode } = result;
    this.#keep((journal) => journal.end(this.#now(), exitCode));
    this.#summarise(result);
    return result.exitCode;
  }

  /** Everything that can fail without the kernel. */
  async #prepare(user: User | null): Promise<CompiledPolicy & { compiled: Compiled }> {
    const policy = await this.#policy(user);
    const { compiled } = policy;
    assert(compiled !== null, "a policy without errors is compiled");
    this.#requireApprovals(compiled);
    if (this.given.events !== undefined) this.#events = await this.#openEvents(this.given.events);
    return { ...policy, compiled };
  }

  async #govern(
    start: Start,
    launch: LaunchOptions,
    policy: CompiledPolicy & { compiled: Compiled },
  ): Promise<GovernResult> {
    const { compiled, source, domain } = policy;
    try {
      return await govern(start, {
        compiled,
        source,
        domain,
        clock: this.#clock,
        tier: this.given.tier ?? null,
        ringBytes: this.given.ringBytes,
        launch,
        openKernel: await this.host.prepareKernel(),
        onReady: (kernel) => {
          const isWanted = this.#announce(kernel, policy);
          if (isWanted) this.#openJournal(kernel.tier, policy, launch.identity);
          return isWanted;
        },
        onEvent: (event, tier) => {
          if (this.#events === null) return;
          const line = eventJson(event, { compiled, clock: this.#clock, tier });
          this.#events.write(`${JSON.stringify(line)}\n`);
        },
        onFeedback: (record) => this.#tell(record),
        onGuardianLost: () =>
          this.#say("the guardian of the rules was ended; a new one takes its place"),
        onFilesLeft: () => this.#say(filesLeft),
      });
    } catch (error) {
      if (!(error instanceof KernelUnavailable)) throw error;
      throw unavailable(error, this.given.tier ?? null);
    }
  }

  #user(): User | null {
    if (this.given.user === undefined) return sudoUser(this.io.env);
    const user = findUser(this.given.user);
    if (user === null)
      throw new Unstarted(`there is no user \`${printable(this.given.user)}\` on this machine`);
    return user;
  }

  async #policy(user: User | null): Promise<CompiledPolicy> {
    const policy = await compilePolicy(this.io, { ...this.given, home: user?.home }).catch(
      (error) => {
        if (error instanceof PolicyFileError) throw new Unstarted(error.message);
        throw error;
      },
    );
    const { diagnostics } = policy;
    if (hasErrors(diagnostics)) {
      const errors = diagnostics.filter(({ severity }) => severity === "error");
      const color = wantsColor(this.io.stderr, this.io.env);
      throw new Unstarted(
        "the policy has errors, so nothing was started",
        renderDiagnostics(errors, { color }),
        { diagnostics: diagnosticsJson(errors).diagnostics },
      );
    }
    // The compiler's own warning, X010, is C021 of `check` once more.
    const warnings = diagnostics.filter(
      ({ severity, code }) => severity === "warning" && code !== "X010",
    );
    if (warnings.length > 0)
      this.#say(`${summaryOf(warnings)} in the policy; \`actplane check\` shows them`);
    return policy;
  }

  /** A misspelt approval would be none. */
  #requireApprovals({ approvals }: Compiled): void {
    const known = [...new Set(approvals.map(({ name }) => name))];
    const unknown = this.given.approve?.find((name) => !known.includes(name));
    if (unknown === undefined) return;
    const list = known.map((name) => `\`${printable(name)}\``).join(", ");
    throw new Unstarted(
      `the policy asks for no approval \`${printable(unknown)}\`; it asks for ${list === "" ? "none" : list}`,
    );
  }

  /** Say what this host does about each clause; false where that is less than the policy may count on. */
  #announce(kernel: Kernel, { compiled, document }: CompiledPolicy): boolean {
    const verdicts = verdictsIn(kernel.tier, compiled?.clauses ?? []);
    const weak = weakOf(verdicts, document);
    if (weak.length > 0 && !allowsDegraded(document, this.given.degraded === true)) {
      this.#refuse(kernel.tier, weak, verdicts.length, document.require === "block");
      return false;
    }
    for (const { gate, name } of compiled?.approvals ?? [])
      if (this.given.approve?.includes(name)) kernel.approve(gate, true);
    this.#greet(kernel.tier, verdicts, weak);
    for (const note of compiled?.notes ?? []) this.#say(`note: ${note}`);
    return true;
  }

  #greet(tier: Tier, verdicts: readonly ClauseVerdict[], weak: readonly ClauseVerdict[]): void {
    const { json, quiet } = this.given;
    if (json === true)
      this.#json({ type: "start", ...startJson(tier, verdicts), degraded: weak.length > 0 });
    else if (quiet !== true) {
      this.#say(`${tier} tier, ${counted(verdicts.length, "clause", "clauses")}`);
      this.io.stderr.write(renderVerdictsBriefly(verdicts));
    }
    if (verdicts.length === 0 && quiet !== true)
      this.#say("the policy has no rules: nothing will be refused");
    if (weak.length === 0 || json === true) return;
    this.#say(
      `degraded: ${counted(weak.length, "clause is", "clauses are")} weaker than written on this host`,
    );
    if (quiet === true) this.io.stderr.write(renderFirstVerdicts(weak));
  }

  /** Says why nothing is started. */
  #refuse(tier: Tier, weak: readonly ClauseVerdict[], total: number, requireBlock: boolean): void {
    const asked = requireBlock ? "as `require: block` asks" : "as written";
    const text = `this host (${tier} tier) cannot carry out ${grouped(weak.length)} of ${grouped(total)} clauses ${asked}, so nothing was started`;
    if (this.given.json === true) {
      this.#json({ type: "error", text, ...startJson(tier, weak) });
      return;
    }
    this.#say(text);
    this.io.stderr.write(renderFirstVerdicts(weak));
    const accept = requireBlock ? "the document accepts nothing less" : "--degraded accepts it";
    this.#say(`\`actplane doctor\` says what would change that; ${accept}`);
  }

  #openJournal(tier: Tier, { source, domain }: CompiledPolicy, user: Identity | null): void {
    const { uid, gid } = user ?? { uid: 0, gid: 0 };
    const { command } = this.given;
    const head = { time: this.#now(), command, policy: source.name, domain, tier };
    try {
      this.#journal = new Journal({ folder: this.host.runFolder, uid, gid }, head);
    } catch (error) {
      this.#loseJournal(error);
    }
  }

  #keep(write: (journal: Journal) => void): void {
    if (this.#journal === null) return;
    try {
      write(this.#journal);
    } catch (error) {
      this.#loseJournal(error);
    }
  }

  /** The command goes on, and so do its rules. */
  #loseJournal(error: unknown): void {
    this.#journal = null;
    const reason = error instanceof JournalRefused ? error.message : reasonNotToWrite(error);
    if (this.given.quiet !== true)
      this.#say(`\`actplane explain --last\` will not know of this: ${reason}`);
  }

  #now(): string {
    return new Date(this.host.epochMs()).toISOString();
  }

  #openEvents(file: string): Promise<WriteStream> {
    const name = printable(file);
    return new Promise((resolved, reject) => {
      const path = resolve(this.io.cwd, file);
      const stream = createWriteStream(path, { flags: "a", mode: 0o600 });
      stream.once("open", () => resolved(stream));
      stream.on("error", (error) => {
        reject(new Unstarted(`cannot write events to ${name}: ${reasonNotToWrite(error)}`));
        // After the start: the command goes on, and so do its rules.
        if (this.#events === null) return;
        this.#events = null;
        this.#say(`events are no longer written to ${name}: ${reasonOf(error)}`);
      });
    });
  }

  /** Each match once; the same process doing the same again is counted for the summary. */
  #tell(record: FeedbackRecord): void {
    const key = [record.rule.clause, record.rule.name, record.target, record.process.pid].join(
      "\n",
    );
    if (this.#told.has(key)) {
      this.#repeated++;
      return;
    }
    // An agent can make any number of names: what was told long ago is told again.
    if (this.#told.size >= toldMax) this.#told.clear();
    this.#told.add(key);
    this.#keep((journal) => journal.write(record));
    if (this.given.json === true) this.#json({ type: "match", ...record });
    else if (this.given.annotateStderr !== true)
      this.io.stderr.write(`${renderFeedback(record)}\n`);
    else if (isUrgent(record)) this.io.stderr.write(`${modelLine(record)}\n`);
  }

  #summarise(result: GovernResult): void {
    const repeated = this.#repeated;
    if (this.given.json === true) {
      const { exitCode, counters, leftBehind } = result;
      this.#json({ type: "end", exit_code: exitCode, counters, left_behind: leftBehind, repeated });
      return;
    }
    for (const line of lossLines(lossesOf(result.counters))) this.#say(line);
    if (this.given.annotateStderr === true) return;
    if (this.given.quiet === true && this.#told.size === 0) return;
    const { refused, killed, matches } = result.counters;
    const other = matches - refused - killed;
    const parts = [
      refused > 0 ? `${refused} refused` : "",
      killed > 0 ? `${killed} killed` : "",
      other > 0 ? `${other} noticed` : "",
      repeated > 0 ? `${repeated} of them repeats that are not shown` : "",
    ].filter((part) => part !== "");
    this.#say(parts.length === 0 ? "done, no rule matched" : `done: ${parts.join(", ")}`);
  }

  #say(text: string): void {
    if (this.given.json === true) this.#json({ type: "note", text });
    else this.io.stderr.write(`actplane: ${text}\n`);
  }

  #json(value: object): void {
    this.io.stderr.write(`${JSON.stringify({ schema_version: 1, ...value })}\n`);
  }
}

/** Some 10 MB of names. */
const filesLeft =
  "there are more files than are looked at before a run: one that has several names already may be known by one of them only";

const toldMax = 65_536;

/** Loading programs needs root or the capabilities; better said here than as EPERM of a system call. */
function requirePrivilege(): void {
  if (process.geteuid?.() === 0) return;
  throw new Unstarted(
    "`run` loads programs into the kernel, which needs root\n" +
      "  use `sudo actplane run -- ...`: the command itself then runs as you, not as root\n" +
      "  `actplane check` and `actplane compile` need no privileges",
  );
}

function unavailable({ answers }: KernelUnavailable, asked: Tier | null): Unstarted {
  const lines = answers.map(({ tier, answer }) => `  ${tier.padEnd(13)}  ${answer}\n`).join("");
  const [what, help] =
    asked === null
      ? ["this kernel takes none of the programs that would enforce the policy", ""]
      : [
          `the ${asked} tier does not work on this host`,
          "; without --tier the first tier that works is used",
        ];
  const refused = answers.every(({ answer }) => answer.includes("EPERM"))
    ? "  as it does within another `actplane run`, whose command may load none, and in most containers\n"
    : "";
  return new Unstarted(
    `${what}, so nothing was started\n${lines}${asked === null ? refused : ""}  \`actplane doctor\` says what is missing${help}`,
    "",
    { answers },
  );
}

function startJson(tier: Tier, verdicts: readonly ClauseVerdict[]) {
  return { tier, verdicts: verdicts.map(verdictJson) };
}

function closeEvents(stream: WriteStream | null): Promise<void> {
  return new Promise((resolved) => (stream === null ? resolved() : stream.end(resolved)));
}
