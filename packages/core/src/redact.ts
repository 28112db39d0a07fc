const replacements: readonly (readonly [RegExp, string])[] = [
  [/\b(Bearer|Basic|Token)\s+[\w.~+/=-]{6,}/gi, "$1 [redacted]"],
  [/\b(r8|hf|sk|comfyui|whsec)([_-])[\w+/=-]{8,}/g, "$1$2[redacted]"],
  [/([?&][\w-]*(?:token|secret|key|sig|signature|credential|auth|password)[\w-]*=)[^&\s"']+/gi, "$1[redacted]"],
  [
    /((?:authorization|x-api-key|api[_-]?key|api[_-]?token|password)"?\s*[:=]\s*"?)(?!Bearer|Basic|Token)[^"\s,}&]+/gi,
    "$1[redacted]",
  ],
  [/(:\/\/[^/\s:@]+:)[^@\s/]+(?=@)/g, "$1[redacted]"],
];

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

/** A JSON-safe copy of a value, redacted; bigints become decimal strings. */
export function redactValue(value: unknown): unknown {
  if (typeof value === "string") return redact(value);
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value)) return value.map(redactValue);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, entry]) => entry !== undefined)
      .map(([key, entry]) => [key, secretKey.test(key) ? "[redacted]" : redactValue(entry)]),
  );
}
