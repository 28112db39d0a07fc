import { spawnSync } from "node:child_process";
import { withHugePages } from "../../packages/backend-local/src/engine/huge-pages.ts";

/** Whether this process has the environment of an engine's; where not, the program is run again in one that has, to its end. */
export function isAsEngine(): boolean {
  const env = withHugePages(process.env);
  if (env === process.env) return true;
  const { status } = spawnSync(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    env,
    stdio: "inherit",
  });
  process.exitCode = status ?? 1;
  return false;
}

/** The environment of a peer's process: as its users have it. */
export function peersEnvironment(): NodeJS.ProcessEnv {
  const { GLIBC_TUNABLES: _, ...env } = process.env;
  return env;
}
