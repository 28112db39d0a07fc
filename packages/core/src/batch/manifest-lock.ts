import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";

/** Locks of this process, by the file that is locked. */
const held = new Set<string>();

/**
 * Takes a file for this process, and nobody else until {@link unlock}. A lock of a process that is gone, as after a kill, is taken over;
 * also where another process has got its number since, as the first one of a container always does.
 *
 * @returns undefined, or the number of the process that has it.
 */
export function lock(path: string): number | undefined {
  const file = lockOf(path);
  if (held.has(file)) return process.pid;
  try {
    writeFileSync(file, nameOf(process.pid), { flag: "wx" });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
    const owner = readFileSync(file, "utf8");
    const pid = Number(owner.split(" ", 1)[0]);
    if (pid !== process.pid && isAlive(pid) && isNameOf(owner, pid)) return pid;
    writeFileSync(file, nameOf(process.pid));
  }
  held.add(file);
  return undefined;
}

/** Gives a file free. */
export function unlock(path: string): void {
  const file = lockOf(path);
  if (held.delete(file)) rmSync(file, { force: true });
}

const lockOf = (path: string): string => `${resolve(path)}.lock`;

/** A process by its number and, where the system tells it, when it began. */
function nameOf(pid: number): string {
  return `${pid} ${beginOf(pid)}`.trimEnd();
}

function isNameOf(owner: string, pid: number): boolean {
  return !owner.includes(" ") || owner === nameOf(pid);
}

/** Field 22 of Linux's /proc/PID/stat, in ticks since the machine's start; empty elsewhere. proc_pid_stat(5). */
function beginOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}

function isAlive(pid: number): boolean {
  try {
    return Number.isInteger(pid) && pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
