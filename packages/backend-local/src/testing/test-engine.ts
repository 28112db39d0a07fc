import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Engine processes that a process has started and that still run. */
export async function enginesOf(pid: number | undefined): Promise<number[]> {
  const { stdout } = await run("ps", ["-eo", "pid=,ppid=,stat=,args="]);
  return stdout
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, parent, state]) => Number(parent) === pid && !state?.startsWith("Z"))
    .filter(([, , , ...args]) => args.join(" ").includes("engine/main"))
    .map(([child]) => Number(child));
}

/** Resolves when there is no such process any more. */
export async function gone(pid: number): Promise<void> {
  while (true) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    // One that has ended, and that nobody has asked about, as its thread is gone.
    const state = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    if (/\) Z /.test(state)) return;
    await setTimeout(20);
  }
}

/** Whether none of this process's engines computes: looked at several times, none is found running. */
export async function enginesIdle(): Promise<boolean> {
  for (let i = 0; i < 5; i++) {
    for (const engine of await enginesOf(process.pid)) {
      const { stdout } = await run("ps", ["-o", "stat=", "-p", String(engine)]).catch(() => ({ stdout: "" }));
      if (stdout.trim().startsWith("R")) return false;
    }
    await setTimeout(30);
  }
  return true;
}
