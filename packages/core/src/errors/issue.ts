/** One thing wrong with an input. */
export interface Issue {
  /** Path of the field, such as `"conditioning[0].strength"`; `""` for the whole input. */
  field: string;
  /** What is wrong and what would be right. */
  message: string;
  /** The allowed values or range, where they can be listed. */
  allowed?: readonly (string | number)[] | { min?: number; max?: number; multipleOf?: number };
}

/** `field: message` lines, the way errors print their issues. */
export function describeIssues(issues: readonly Issue[]): string {
  const told = issues.slice(0, mostTold).map(({ field, message }) => (field === "" ? message : `${field}: ${message}`));
  return [...told, ...(issues.length > mostTold ? [`and ${issues.length - mostTold} more`] : [])].join("; ");
}

const mostTold = 20;
const mostKept = 100;
const longest = 1000;

/** Issues as an error keeps them: a hundred at most, and of each what fits on a screen. */
export function boundedIssues(issues: readonly Issue[]): readonly Issue[] {
  return issues.slice(0, mostKept).map((issue) => ({ ...issue, field: cut(issue.field), message: cut(issue.message) }));
}

function cut(text: string): string {
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}
