/** A copy of settings with other keys; a key without a new name is taken out. */
export function renamed(
  settings: ReadonlyMap<string, string>,
  names: Readonly<Record<string, string | undefined>>,
): Map<string, string> {
  const result = new Map<string, string>();
  for (const [key, value] of settings) {
    const name = Object.hasOwn(names, key) ? names[key] : key;
    if (name !== undefined) result.set(name, value);
  }
  return result;
}
