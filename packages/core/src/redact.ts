// Every repetition that something must follow has a bound: no text, however made, takes more than linear time.
const replacements: readonly (readonly [RegExp, string])[] = [
  [/\b(Bearer|Basic|Token)\s{1,8}[\w.~+/=-]{6,}/gi, "$1 [redacted]"],
  [/\b(r8|hf|sk|comfyui|whsec)([_-])[\w+/=-]{8,}/g, "$1$2[redacted]"],
  [
    /([?&][\w-]{0,64}?(?:token|secret|key|sig|signature|credential|auth|password)[\w-]{0,64}=)[^&\s"']+/gi,
    "$1[redacted]",
  ],
  [
    /((?:authorization|x-api-key|api[_-]?key|api[_-]?token|password)"?\s{0,8}[:=]\s{0,8}"?)(?!Bearer|Basic|Token)[^"\s,}&]+/gi,
    "$1[redacted]",
  ],
  [/(:\/\/[^/\s:@]{1,256}:)[^@\s/]{1,1024}(?=@)/g, "$1[redacted]"],
];

/** As much of a fact is kept: errors are for people and logs. */
const [maxValue, maxEntries, maxParts, maxDepth] = [65_536, 1000, 10_000, 32];
const secretKey = /(token|secret|password|api[_-]?key|authorization|cookie)s?$/i;
const secrets = new Set<string>();

/** Registers a secret whose text is to be removed from every later error and log line. */
export function registerSecret(secret: string | undefined): void {
  if (secret !== undefined && secret.length >= 6) secrets.add(secret);
}

/** Removes registered secrets, and whatever looks like a credential, from a text. */
export function redact(text: string): string {
  let clean = text;
  for (const secret of secrets) clean = clean.replaceAll(secret, "[redacted]");
  for (const [pattern, replacement] of replacements) clean = clean.replace(pattern, replacement);
  return clean;
}

/** A JSON-safe copy of a value, redacted; bigints become decimal strings. What is too much of it, or too deep, is left out. */
export function redactValue(value: unknown): unknown {
  return copyOf(value, { left: maxParts }, 0);
}

function copyOf(value: unknown, parts: { left: number }, depth: number): unknown {
  if (typeof value === "string")
    return value.length > maxValue ? `${redact(value.slice(0, maxValue))}…` : redact(value);
  if (typeof value === "bigint") return value.toString();
  if (value === null || typeof value !== "object") return value;
  if (depth > maxDepth || parts.left <= 0) return "…";
  if (Array.isArray(value)) return within(value, parts).map((entry) => copyOf(entry, parts, depth + 1));
  return Object.fromEntries(
    within(Object.entries(value), parts)
      .filter(([, entry]) => entry !== undefined)
      .map(([key, entry]) => [key, secretKey.test(key) ? "[redacted]" : copyOf(entry, parts, depth + 1)]),
  );
}

function within<T>(entries: readonly T[], parts: { left: number }): readonly T[] {
  const kept = entries.slice(0, Math.max(0, Math.min(maxEntries, parts.left)));
  parts.left -= kept.length;
  return kept;
}
