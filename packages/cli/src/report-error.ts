import { AbortedError, type Issue, LatentKitError, redact } from "@latentkit/core";
import { fieldToFlag } from "./generate/flags.ts";
import { printable } from "./terminal/printable.ts";

/** Raised by the command line itself for input that is wrong; names the flag. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Errors whose cause is what the user gave, not what happened to it. */
const badInput = new Set([
  "invalid_request",
  "unsupported",
  "config",
  "recipe",
  "model",
  "not_found",
  "manifest",
  "budget",
]);

/** What a disk says that was well until then. */
const diskFaults = new Set(["ENOSPC", "EDQUOT", "EIO"]);

/** The exit code of an error: 130 for an interruption, 2 for bad input, 1 for all else. */
export function exitCodeOf(error: unknown): number {
  if (AbortedError.isInstance(error)) return 130;
  if (error instanceof UsageError) return 2;
  if (!LatentKitError.isInstance(error)) return 1;
  if (diskFaults.has((error.cause as NodeJS.ErrnoException | undefined)?.code ?? "")) return 1;
  if (error.code === "image") return error.retryable ? 1 : 2;
  return badInput.has(error.code) ? 2 : 1;
}

/** Prints an error as lines that name the flags. `LATENTKIT_DEBUG` adds the stack. @returns the exit code. */
export function reportError(error: unknown, io: { stderr: NodeJS.WritableStream; env: NodeJS.ProcessEnv }): number {
  for (const line of describeError(error)) io.stderr.write(`latentkit: ${printable(redact(line))}\n`);
  if (io.env.LATENTKIT_DEBUG && error instanceof Error) io.stderr.write(`${printable(redact(stackOf(error)))}\n`);
  return exitCodeOf(error);
}

function describeError(error: unknown): string[] {
  if (!(error instanceof Error)) return [oneLine(String(error))];
  const issues = (error as { issues?: readonly Issue[] }).issues;
  if (!LatentKitError.isInstance(error)) return [oneLine(error.message)];
  if (!Array.isArray(issues)) return [oneLine(withFlag(error))];
  return issues.map(({ field, message }: Issue) =>
    oneLine(field === "" ? message : `${fieldToFlag(field)}: ${message}`),
  );
}

/** What an error says of one field it says of its flag. */
function withFlag({ message, details }: LatentKitError): string {
  const { field } = details;
  if (typeof field !== "string" || field === "" || !message.startsWith(`${field}: `)) return message;
  return fieldToFlag(field) + message.slice(field.length);
}

/** On one line, without what a terminal would take for orders: names from files and servers are in it. */
function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
  return text.replace(/\s*\n\s*/g, " ").replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, "");
}

function stackOf(error: Error): string {
  const { cause } = error;
  return `${error.stack ?? error.message}${cause instanceof Error ? `\ncaused by ${stackOf(cause)}` : ""}`;
}
