// /metrics in the Prometheus text format.

import type { Compiled } from "../../ir/ir.ts";
import type { Tier } from "../../kernel/kernel.ts";
import { verdictOf } from "../../kernel/verdicts.ts";
import type { Daemon } from "../../runtime/daemon.ts";
import { isOwnRule } from "../../runtime/own-rules.ts";
import { latencyBoundsMs } from "../../runtime/tally.ts";

export function metricsText(daemon: Daemon): string {
  const { engine, tally, queue, registry, intake } = daemon;
  const counters = engine.counters();
  const lines: string[] = [];
  const family = (name: string, type: string, help: string, samples: readonly Sample[]) => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const { suffix = "", labels = {}, value } of samples)
      lines.push(`${name}${suffix}${labelsText(labels)} ${value}`);
  };
  const counter = (name: string, help: string, samples: readonly Sample[]) =>
    family(name, "counter", help, samples);
  const gauge = (name: string, help: string, value: number) =>
    family(name, "gauge", help, [{ value }]);

  counter(
    "actplane_events_total",
    "Matches by domain, rule, effect and verdict.",
    [...tally.matches.values()].map(({ series, count }) => ({
      labels: { ...series },
      value: count,
    })),
  );
  counter(
    "actplane_kernel_events_total",
    "Events of the kernel half that were read, by type.",
    [...tally.events].map(([type, value]) => ({ labels: { type }, value })),
  );
  counter("actplane_events_lost_total", "Events that nobody was told of; verdicts stood.", [
    { labels: { where: "ring" }, value: counters.eventsLost },
    { labels: { where: "daemon" }, value: intake.lost },
    { labels: { where: "rate" }, value: intake.omitted },
  ]);
  counter(
    "actplane_kernel_total",
    "What the kernel half counted, by name.",
    Object.entries(counters).map(([name, value]) => ({ labels: { name }, value })),
  );
  family(
    "actplane_policy_generation",
    "gauge",
    "How often the policy of a domain was set.",
    [...registry.domains].slice(0, domainsMax).map(({ id, generation }) => ({
      labels: { domain: id },
      value: generation,
    })),
  );
  family(
    "actplane_rule_enforceable",
    "gauge",
    "Clauses in force by what this host's tier does about them.",
    enforceable(daemon),
  );
  gauge("actplane_domains", "Domains.", registry.size);
  const fill = engine.fill();
  gauge("actplane_processes", "Governed processes.", fill.processes);
  gauge("actplane_processes_max", "Room for governed processes.", fill.processesMax);
  gauge("actplane_table_bytes", "Compiled policies in the kernel.", fill.tableBytes);
  gauge("actplane_table_bytes_max", "Room for compiled policies.", fill.tableBytesMax);
  gauge("actplane_feedback_waiting", "Readers that wait for feedback.", queue.waiters.count());
  gauge(
    "actplane_disk_failing",
    "1 while nothing can be written.",
    intake.failure === null ? 0 : 1,
  );
  gauge("actplane_resident_bytes", "Memory of the daemon.", process.memoryUsage.rss());
  family(
    "actplane_feedback_latency_seconds",
    "histogram",
    "From the kernel's decision to the record being written.",
    histogram(tally.latencies, tally.latencySumMs),
  );
  return `${lines.join("\n")}\n`;
}

function enforceable({ engine, registry }: Daemon): Sample[] {
  const totals = new Map<string, number>();
  for (const { compiled } of registry.domains) {
    if (compiled === null) continue;
    for (const [kind, count] of kindsOf(compiled, engine.tier))
      totals.set(kind, (totals.get(kind) ?? 0) + count);
  }
  return [...totals].map(([verdict, value]) => ({
    labels: { tier: engine.tier, verdict },
    value,
  }));
}

/** Many domains hold the same policy. */
const kinds = new WeakMap<Compiled, ReadonlyMap<string, number>>();

function kindsOf(compiled: Compiled, tier: Tier): ReadonlyMap<string, number> {
  const known = kinds.get(compiled);
  if (known !== undefined) return known;
  const counts = new Map<string, number>();
  for (const clause of compiled.clauses) {
    if (isOwnRule(clause.rule)) continue;
    const { kind } = verdictOf(clause, tier);
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  kinds.set(compiled, counts);
  return counts;
}

interface Sample {
  readonly suffix?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Of the generation gauge. */
const domainsMax = 1_000;

function histogram(counts: readonly number[], sumMs: number): Sample[] {
  let total = 0;
  const buckets = counts.map((count, index) => {
    total += count;
    const bound = latencyBoundsMs[index];
    const le = bound === undefined ? "+Inf" : String(bound / 1000);
    return { suffix: "_bucket", labels: { le }, value: total };
  });
  return [...buckets, { suffix: "_sum", value: sumMs / 1000 }, { suffix: "_count", value: total }];
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const entries = Object.entries(labels);
  if (entries.length === 0) return "";
  return `{${entries.map(([name, value]) => `${name}="${escaped(value)}"`).join(",")}}`;
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
