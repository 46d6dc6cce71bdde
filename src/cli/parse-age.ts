const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Reads a time in ISO 8601, or how long ago (`15m`), as milliseconds of the epoch; undefined for any other text. Pure. */
export function parseAge(text: string, nowMs: number): number | undefined {
  const match = /^(\d{1,9})([smhd])$/.exec(text);
  if (match !== null) return nowMs - Number(match[1]) * (unitMs[match[2] ?? ''] ?? 0);
  const at = Date.parse(text);
  return /^\d{4}-/.test(text) && !Number.isNaN(at) ? at : undefined;
}
