// Ranges, durations and how times are shown.

export const unitMs: Record<string, number> = {
  ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000, mo: 2_592_000_000,
};

/** durationMs reads 15m, 1.5h, 7d; NaN if it is none. */
export function durationMs(text: string): number {
  const m = /^(\d+(?:\.\d+)?)(ms|mo|s|m|h|d|w)$/.exec(text.trim());
  return m ? Number(m[1]) * unitMs[m[2]] : NaN;
}

/** relative reads "-1h" as the duration "1h"; null if it is an absolute time or none. */
export const relative = (from: string) => (from.startsWith("-") && durationMs(from.slice(1)) > 0 ? from.slice(1) : null);

/** isTime: the text is an absolute time that SQL takes. */
export const isTime = (text: string) => /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/.test(text) && !isNaN(Date.parse(text));

/** spanText says a length of time in the largest fitting unit: 90000 is 1.5m. */
export function spanText(ms: number): string {
  const units = ["w", "d", "h", "m", "s", "ms"] as const;
  const unit = units.find((u) => ms >= unitMs[u] * (u === "w" ? 2 : 1)) ?? "ms";
  return Number((ms / unitMs[unit]).toPrecision(3)) + unit;
}

/** agoText says how long ago a time was: "0.9s", "3m", "5d". */
export const agoText = (iso: string, nowMs: number) => {
  const ms = nowMs - Date.parse(iso);
  if (ms < 1000) return Math.max(0, ms / 1000).toFixed(1) + "s";
  return ms < 60_000 ? Math.floor(ms / 1000) + "s" : spanText(ms).replace(/\.\d+/, "");
};

/** isoMs is a time of milliseconds as SQL and the API take it. */
export const isoMs = (ms: number) => new Date(ms).toISOString();

const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = zone + JSON.stringify(options);
  let f = formats.get(key);
  if (!f) {
    f = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, hourCycle: "h23", ...options });
    formats.set(key, f);
  }
  return f;
}

/** timeText shows a time in a zone: date and clock, as fine as asked. */
export function timeText(iso: string | number, zone: string, fine: "minute" | "second" | "ms" = "second"): string {
  const at = typeof iso === "number" ? iso : Date.parse(iso);
  if (isNaN(at)) return String(iso);
  const text = format(zone, {
    year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit",
    ...(fine === "minute" ? {} : { second: "2-digit" }),
  }).format(at);
  return fine === "ms" ? text + "." + String(((at % 1000) + 1000) % 1000).padStart(3, "0") : text;
}

/** isZone: browsers know the zone. */
export function isZone(zone: string): boolean {
  try {
    return zone !== "" && new Intl.DateTimeFormat("en", { timeZone: zone }) !== null;
  } catch {
    return false;
  }
}

/** localZone is the browser's own zone. */
export const localZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
