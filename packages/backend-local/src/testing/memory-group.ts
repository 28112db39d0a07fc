import { existsSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A control group of Linux whose processes have so many bytes together, as a container's; a shell joins it by writing its id into `procs`. */
export interface MemoryGroup extends AsyncDisposable {
  procs: string;
}

/** Makes one; undefined where this system has none, or this user may not. */
export function makeMemoryGroup(bytes: number): MemoryGroup | undefined {
  const isUnified = existsSync("/sys/fs/cgroup/cgroup.controllers");
  const folder = join("/sys/fs/cgroup", isUnified ? "" : "memory", `latentkit-test-${process.pid}`);
  const remove = () => rmdirSync(folder);
  try {
    mkdirSync(folder);
    try {
      writeFileSync(join(folder, isUnified ? "memory.max" : "memory.limit_in_bytes"), String(bytes));
    } catch (error) {
      remove();
      throw error;
    }
  } catch {
    return undefined;
  }
  return {
    procs: join(folder, "cgroup.procs"),
    async [Symbol.asyncDispose]() {
      // It stays as long as a process in it has not been buried.
      for (let tries = 0; tries < 50; tries++) {
        try {
          return remove();
        } catch {
          await sleep(100);
        }
      }
    },
  };
}
