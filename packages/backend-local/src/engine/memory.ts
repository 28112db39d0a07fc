import { readFileSync } from "node:fs";
import { totalmem } from "node:os";

/** Bytes that this process holds of its own: without files that are mapped, where the system tells (Linux), else with them. */
export function ownMemory(): number {
  try {
    const kilobytes = /RssAnon:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    if (kilobytes !== undefined) return Number(kilobytes) * 1024;
  } catch {
    // Not a Linux.
  }
  return process.memoryUsage.rss();
}

/** Bytes that a process can have here at all: the machine's, or its container's. */
export function memoryHere(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
}

/** Bytes as people say them. */
export function sayBytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.ceil(bytes / 1e6)} MB`;
}
