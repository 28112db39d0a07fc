import { ConfigError } from "./errors/config-error.ts";

/** The oldest Node that everything here runs on. */
const floor = [22, 19] as const;

/** @throws ConfigError on a Node that is too old, in one sentence; not on Bun or Deno, which call themselves Node of some version. */
export function checkNode(
  versions: Readonly<Record<string, string | undefined>> = globalThis.process?.versions ?? {},
): void {
  const { node, bun, deno } = versions;
  if (node === undefined || bun !== undefined || deno !== undefined) return;
  const [major = 0, minor = 0] = node.split(".").map(Number);
  if (major > floor[0] || (major === floor[0] && minor >= floor[1])) return;
  throw new ConfigError(`LatentKit needs Node ${floor.join(".")} or newer; this is Node ${node}.`);
}
