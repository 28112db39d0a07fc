import type { OnProgress } from "../families/family.ts";

/** Does a work and yields what it reports meanwhile, `[done, of]`, as it comes; returns what the work gives, or throws what it throws. */
export async function* reporting<T>(
  work: (onProgress: OnProgress) => Promise<T>,
): AsyncGenerator<[done: number, of: number], T> {
  const reports: [done: number, of: number][] = [];
  let changed = Promise.withResolvers<void>();
  let isDone = false;
  const working = work((...report) => {
    reports.push(report);
    changed.resolve();
  });
  const end = () => {
    isDone = true;
    changed.resolve();
  };
  working.then(end, end);
  while (true) {
    const report = reports.shift();
    if (report) yield report;
    else if (isDone) return await working;
    else {
      await changed.promise;
      changed = Promise.withResolvers<void>();
    }
  }
}
