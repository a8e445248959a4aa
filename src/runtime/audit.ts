// Who changed what: written with the change, read by operators.

import { type Caller, callerText } from "./caller.ts";
import type { DomainState } from "./registry.ts";
import type { Store } from "./store.ts";

export interface AuditEntry {
  readonly id: number;
  readonly time: string;
  readonly caller: string;
  readonly action: string;
  readonly domain: string | null;
  readonly detail: Record<string, unknown>;
}

export class Audit {
  constructor(
    private readonly store: Store,
    /** ISO 8601, UTC. */
    private readonly now: () => string,
  ) {}

  /** Who did what, and to what; `caller` null: the daemon itself. */
  note(
    caller: Caller | null,
    action: string,
    domain: DomainState | null,
    detail: Readonly<Record<string, unknown>>,
  ): void {
    this.store.run(
      "INSERT INTO audit(time, caller, action, domain, detail) VALUES (?, ?, ?, ?, ?)",
      this.now(),
      caller === null ? "daemon" : callerText(caller),
      action,
      domain?.id ?? null,
      JSON.stringify(detail),
    );
  }

  after(domain: string | null, after: number, limit: number): AuditEntry[] {
    const rows = this.store.all<Omit<AuditEntry, "detail"> & { detail: string }>(
      "SELECT * FROM audit WHERE id > ?1 AND (?2 IS NULL OR domain = ?2) ORDER BY id LIMIT ?3",
      after,
      domain,
      limit,
    );
    return rows.map((row) => ({ ...row, detail: JSON.parse(row.detail) }));
  }
}
