import { createLogUpdate } from "log-update";
import prettyBytes from "pretty-bytes";
import { printable } from "../terminal/printable.ts";
import { bar, isTerminal } from "../terminal/progress-view.ts";
import type { PullView } from "./pull.ts";

/** A bar with what is there, what is to come and how fast it comes, on a terminal; nothing elsewhere. */
export function pullView(stream: NodeJS.WritableStream): PullView & { close(): void } {
  if (!isTerminal(stream)) return { begin() {}, progress() {}, close() {} };
  const live = createLogUpdate(stream);
  let total = 0;
  let first: number | undefined;
  let drawnAt = 0;
  const startedAt = performance.now();
  return {
    begin({ files, skipped }, bytes) {
      total = bytes;
      if (files.length === 0) return;
      const left = skipped.length === 0 ? "" : `; ${skipped.length} that are not needed stay there`;
      stream.write(`${files.length} files, ${prettyBytes(bytes)}${left}\n`);
    },
    progress({ path }, bytes) {
      // What an earlier download left was not fetched now.
      first ??= bytes;
      const now = performance.now();
      if (now - drawnAt < 100 && bytes < total) return;
      drawnAt = now;
      const perSecond = (bytes - first) / Math.max(0.5, (now - startedAt) / 1000);
      const left = perSecond > 0 ? `, ${Math.ceil((total - bytes) / perSecond)} s left` : "";
      const counts = ` ${prettyBytes(bytes)} of ${prettyBytes(total)}, ${prettyBytes(perSecond)}/s${left}`;
      const room = Math.min(30, (stream.columns || 80) - counts.length - 1);
      live(`${printable(path)}\n${room < 8 ? "" : bar(total === 0 ? 1 : bytes / total, room)}${counts}`);
    },
    close() {
      live.clear();
      live.done();
    },
  };
}
