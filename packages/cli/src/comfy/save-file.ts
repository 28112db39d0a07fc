import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import type { WorkflowFile } from "@latentkit/backend-comfy";
import { UsageError } from "../report-error.ts";

/** Writes a file under the name that was asked for, or its own, and never over another's. */
export async function saveWorkflowFile(file: WorkflowFile, out: string | undefined, isOnly: boolean): Promise<string> {
  if (out !== undefined && isOnly && extname(out) !== "" && !existsSync(join(out, "."))) return file.save(out);
  const isName = out !== undefined && extname(out) !== "" && !existsSync(join(out, "."));
  const folder = isName ? dirname(out) : (out ?? ".");
  const own = basename(file.filename);
  const stem = isName ? basename(out, extname(out)) : basename(own, extname(own));
  const bytes = await file.bytes();
  await mkdir(folder, { recursive: true });
  for (let attempt = isName ? 1 : 0; ; attempt++) {
    const path = join(folder, `${stem}${attempt === 0 ? "" : `-${attempt}`}${extname(own)}`);
    try {
      await writeFile(path, bytes, { flag: "wx" });
      return path;
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code !== "EEXIST") throw new UsageError(`--out: cannot write ${path} (${code ?? "unknown reason"})`);
    }
  }
}
