/** The candidates closest to a misspelt name (edit distance at most a third of its length), best first. */
export function nearest(name: string, candidates: readonly string[], limit = 3): string[] {
  const wanted = normalise(name);
  return candidates
    .map((candidate) => ({ candidate, distance: distanceOf(wanted, normalise(candidate)) }))
    .filter(({ distance }) => distance <= Math.max(2, Math.floor(wanted.length / 3)))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, limit)
    .map(({ candidate }) => candidate);
}

function normalise(name: string): string {
  return name.toLowerCase().replace(/[\s_.-]+/g, "");
}

/** Levenshtein distance with one row of memory. */
function distanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}
