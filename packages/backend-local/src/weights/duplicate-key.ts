/**
 * The first key that the object in `json` (valid JSON) holds twice at its top level. `JSON.parse` keeps the last and
 * says nothing, so two readers could disagree about the same file.
 */
export function duplicateKey(json: string): string | undefined {
  const seen = new Set<string>();
  let depth = 0;
  let lastString: string | undefined;
  // Strings whole, then each character that gives structure; numbers and blanks fall between.
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:,]/gs)) {
    if (token === "{" || token === "[") depth++;
    else if (token === "}" || token === "]") depth--;
    else if (token[0] === '"') lastString = token;
    else if (token === ":" && depth === 1 && lastString !== undefined) {
      const key = JSON.parse(lastString) as string;
      if (seen.has(key)) return key;
      seen.add(key);
    }
  }
  return undefined;
}
