import { EngineError, LatentKitError, OutOfMemoryError } from "@latentkit/core";
import type { Device } from "./device.ts";
import { reasonOf } from "./probe/probe-device.ts";

const outOfMemory =
  /bad_alloc|out of memory|failed to allocate|allocat\w+ .*failed|cannot allocate|CUDA failure 2:|E_OUTOFMEMORY/i;

/**
 * An error of onnxruntime's as what it means on a device: of the CPU as it is; of a GPU that it ran out of memory, or failed (its driver was reset, it
 * was unplugged). The next request starts a fresh engine.
 */
export function deviceError({ name }: Device, what: string, cause: unknown): unknown {
  if (name === "cpu" || LatentKitError.isInstance(cause)) return cause;
  const reason = reasonOf(cause);
  const details = { backend: "local", cause, details: { device: name } };
  if (outOfMemory.test(reason)) {
    const help =
      "A smaller size, or fewer pictures and models at a time, need less; other programs may hold the rest of the card's memory.";
    return new OutOfMemoryError(`The GPU (${name}) has not enough memory: ${reason}. ${help}`, {
      ...details,
      retryable: true,
    });
  }
  return new EngineError(`The GPU (${name}) ${what}: ${reason}`, details);
}

/** Whether an error is a device's: the CPU may still do the work. */
export function isDeviceError(error: unknown): error is LatentKitError {
  return LatentKitError.isInstance(error) && (error.details as { device?: unknown } | undefined)?.device !== undefined;
}
