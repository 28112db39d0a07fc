import { UsageError } from "../report-error.ts";
import type { CliIo } from "../run-cli.ts";

/** More text than this is no prompt and no request. */
const maxLength = 64 * 2 ** 20;

/** All that standard input holds, as text. @throws UsageError where it is a terminal, or has no end. */
export async function readStandardInput({ stdin }: CliIo, flag: string): Promise<string> {
  if (stdin === undefined || (stdin as { isTTY?: boolean }).isTTY)
    throw new UsageError(`${flag} -: reads standard input, which is a terminal here; pipe something into it`);
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of stdin) {
    const bytes = Buffer.from(part as Uint8Array);
    length += bytes.length;
    if (length > maxLength) throw new UsageError(`${flag} -: standard input holds more than ${maxLength} bytes`);
    parts.push(bytes);
  }
  return Buffer.concat(parts).toString("utf8");
}
