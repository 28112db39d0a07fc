import { existsSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import type { WorkflowFile } from "@latentkit/backend-comfy";
import { saveFile } from "@latentkit/core";
import { UsageError } from "../report-error.ts";
import { ownName } from "./own-name.ts";

/** Writes a file under the name that was asked for, or its own, and never over another's. */
export async function saveWorkflowFile(file: WorkflowFile, out: string | undefined, isOnly: boolean): Promise<string> {
  if (out !== undefined && isOnly && extname(out) !== "" && !existsSync(join(out, "."))) return file.save(out);
  const isName = out !== undefined && extname(out) !== "" && !existsSync(join(out, "."));
  const folder = isName ? dirname(out) : (out ?? ".");
  const own = ownName(file.filename);
  const stem = isName ? basename(out, extname(out)) : basename(own, extname(own));
  const bytes = await file.bytes();
  for (let attempt = isName ? 1 : 0; ; attempt++) {
    const path = join(folder, `${stem}${attempt === 0 ? "" : `-${attempt}`}${extname(own)}`);
    try {
      await saveFile(path, bytes, { exclusive: true });
      return path;
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code !== "EEXIST") throw new UsageError(`--out: cannot write ${path} (${code ?? "unknown reason"})`);
    }
  }
}
