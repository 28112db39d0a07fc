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
  return issues.map(({ field, message }) => (field === "" ? message : `${field}: ${message}`)).join("; ");
}
