import { type Issue, nearest } from "@latentkit/core";

/** What a name came to: the server's own spelling, or why there is none. */
export type Resolution = { name: string } | { issue: Issue };

/**
 * Finds what a name means among the server's: as written, else with other separators, case or no extension, else by the
 * last part of its path alone, where only one fits.
 */
export function resolveName(name: string, known: readonly string[], field: string, what: string): Resolution {
  if (known.includes(name)) return { name };
  const forms = [path, withoutExtension, loose, (text: string) => loose(lastPart(text))];
  for (const form of forms) {
    const found = known.filter((candidate) => form(candidate) === form(name));
    if (found.length === 1) return { name: found[0]! };
    if (found.length > 1) {
      const message = `"${name}" fits several ${what}s on the server: say which of ${found.join(", ")}`;
      return { issue: { field, message, allowed: found } };
    }
  }
  return { issue: { field, message: unknown(name, known, what), allowed: known } };
}

function unknown(name: string, known: readonly string[], what: string): string {
  if (known.length === 0) return `the server has no ${what}s at all, so not "${name}" either`;
  const near = suggestions(name, known);
  const hint = near.length > 0 ? `; did you mean ${near.join(" or ")}?` : `; it has ${some(known)}`;
  return `the server has no ${what} "${name}"${hint}`;
}

/** Names like the wanted one: by spelling of the last part, else by a part that they share. */
function suggestions(name: string, known: readonly string[]): string[] {
  const short = new Map(known.map((candidate) => [stem(candidate), candidate]));
  const near = nearest(stem(name), [...short.keys()]).map((key) => short.get(key)!);
  if (near.length > 0) return near;
  const wanted = loose(lastPart(name));
  return known.filter((candidate) => wanted.length >= 3 && loose(candidate).includes(wanted)).slice(0, 3);
}

function some(known: readonly string[]): string {
  return known.length <= 10 ? known.join(", ") : `${known.slice(0, 10).join(", ")} and ${known.length - 10} more`;
}

function path(name: string): string {
  return name.replaceAll("\\", "/").toLowerCase();
}

function withoutExtension(name: string): string {
  return path(name).replace(/\.(safetensors|sft|ckpt|pt|pt2|pth|bin|pkl|gguf|onnx)$/, "");
}

function lastPart(name: string): string {
  return path(name).split("/").at(-1)!;
}

function stem(name: string): string {
  return withoutExtension(lastPart(name));
}

function loose(name: string): string {
  return withoutExtension(name).replace(/[\s_.-]+/g, "");
}
