import { isTerminal } from "../terminal/progress-view.ts";

/** What is seen of a batch while it runs. */
export interface BatchBar {
  update(counts: { done: number; failed: number; skipped: number }): void;
  close(): void;
}

/** A bar with counts, pace and time left on a terminal; nothing elsewhere. */
export async function batchBar(stream: NodeJS.WritableStream, total: number | undefined): Promise<BatchBar> {
  if (!isTerminal(stream)) return { update: () => {}, close: () => {} };
  const { createLogUpdate } = await import("log-update");
  const live = createLogUpdate(stream);
  const begin = performance.now();
  return {
    update: (counts) => live(barLine(counts, { total, ms: performance.now() - begin, columns: stream.columns ?? 80 })),
    close: () => live.done(),
  };
}

/** One line of at most `columns`. What an earlier run did says nothing of the pace. */
export function barLine(
  { done, failed, skipped }: { done: number; failed: number; skipped: number },
  { total, ms, columns }: { total: number | undefined; ms: number; columns: number },
): string {
  const over = done + failed + skipped;
  const pace = done + failed === 0 ? 0 : ((done + failed) / ms) * 1000;
  const left = total === undefined || pace === 0 ? undefined : Math.max(0, total - over) / pace;
  const parts = [
    `${over}${total === undefined ? "" : `/${total}`}`,
    ...(skipped > 0 ? [`${skipped} before`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(pace > 0 ? [pace >= 1 ? `${pace.toFixed(1)}/s` : `${(1 / pace).toFixed(1)} s each`] : []),
    ...(left !== undefined && left > 0 ? [`${formatSeconds(left)} left`] : []),
  ].join(", ");
  const room = Math.min(40, columns - parts.length - 2);
  if (total === undefined || total === 0 || room < 8) return parts.slice(0, columns);
  const full = Math.round(Math.min(1, over / total) * room);
  return `${"█".repeat(full)}${"░".repeat(room - full)} ${parts}`;
}

function formatSeconds(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${Math.round(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
