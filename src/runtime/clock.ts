// The kernel's clock as a person's: CLOCK_MONOTONIC to the time of day. The real clock comes in from main.

export interface Clock {
  /** ISO 8601, UTC, milliseconds, of an instant of CLOCK_MONOTONIC. */
  iso(monotonicNs: bigint): string;
}

/** A clock that knows both times of one instant. */
export function clockAt(monotonicNs: bigint, epochMs: number): Clock {
  return {
    iso: (instantNs) => new Date(epochMs + Number(instantNs - monotonicNs) / 1e6).toISOString(),
  };
}
