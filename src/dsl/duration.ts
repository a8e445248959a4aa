// Durations such as `30m`: a whole number and one unit.

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A year: whoever writes more means "never expires" and should leave `within` out. */
const durationMsMax = 366 * unitMs.d;

/** Milliseconds, or null where `text` is no duration between a millisecond and a year. */
export function parseDuration(text: string): number | null {
  const match = /^(\d{1,12})(ms|s|m|h|d)$/.exec(text);
  if (match === null) return null;
  const ms = Number(match[1]) * unitMs[match[2] as keyof typeof unitMs];
  return ms >= 1 && ms <= durationMsMax ? ms : null;
}

/** The shortest way to write `ms`. */
export function printDuration(ms: number): string {
  for (const unit of ["d", "h", "m", "s"] as const) {
    if (ms % unitMs[unit] === 0) return `${ms / unitMs[unit]}${unit}`;
  }
  return `${ms}ms`;
}
