import {
  AbortedError,
  ConfigError,
  EngineError,
  GenerationError,
  ImageError,
  InvalidRequestError,
  type Issue,
  LatentKitError,
  ModelError,
  OutOfMemoryError,
  type SerializedError,
  UnsupportedError,
} from "@latentkit/core";

const backend = "local";

const outOfMemory = /bad_alloc|out of memory|failed to allocate|allocat\w+ .*failed|cannot allocate/i;

/** An error of any kind as plain data, for the way out of the engine. */
export function serializeError(error: unknown): SerializedError {
  if (LatentKitError.isInstance(error)) return error.toJSON();
  const message = error instanceof Error ? error.message : String(error);
  if (outOfMemory.test(message)) return outOfMemoryError(message).toJSON();
  return new GenerationError(`The local engine failed: ${message}`, { backend, cause: error }).toJSON();
}

/** The error that {@link serializeError} was given, as one of the family again. */
export function reviveError({ name: _, message, code, ...rest }: SerializedError): LatentKitError {
  const details = { ...rest, backend };
  const issues = (rest.details.issues ?? []) as Issue[];
  switch (code) {
    case "aborted":
      return new AbortedError(message, details);
    case "config":
      return new ConfigError(message, details);
    case "engine":
      return new EngineError(message, details);
    case "image":
      return new ImageError(message, details);
    case "invalid_request":
      return new InvalidRequestError(issues, details);
    case "model":
      return new ModelError(message, details);
    case "out_of_memory":
      return new OutOfMemoryError(message, details);
    case "unsupported":
      return new UnsupportedError(issues, details);
    default:
      return new GenerationError(message, details);
  }
}

/** How an engine ended. */
export interface EngineExit {
  code: number | null;
  signal: string | null;
  /** The last of what it wrote to stderr. */
  output: string;
  /** Whether the system ended a process for want of memory in the meantime, and this one may be it. */
  outOfMemory: boolean;
}

/** What an engine's unexpected end means. The next request starts a fresh engine, so all are retryable. */
export function crashError({ code, signal, output, outOfMemory: killed }: EngineExit): LatentKitError {
  const details = { exitCode: code, signal, ...(output === "" ? {} : { output }) };
  if (killed) return outOfMemoryError("the system ended the engine process", details);
  if (outOfMemory.test(output)) return outOfMemoryError(output.trim().split("\n").at(-1) ?? "", details);
  const how = signal === null ? `exited with code ${code}` : `was ended by ${signal}`;
  return new EngineError(`The engine process ${how}; the next request starts a fresh one.`, {
    backend,
    details,
  });
}

function outOfMemoryError(reason: string, details: Record<string, unknown> = {}): OutOfMemoryError {
  const message = `There was not enough memory: ${reason}. A smaller size or fewer loaded models (cacheModels) need less.`;
  return new OutOfMemoryError(message, { backend, retryable: true, details });
}
