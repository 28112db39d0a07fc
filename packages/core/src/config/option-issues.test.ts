import { expect, test } from "vitest";
import * as z from "zod";
import { describeOptions, optionIssues } from "./option-issues.ts";

const schema = z.strictObject({
  threads: z.int().min(1).optional(),
  poll: z.strictObject({ minMs: z.number().optional(), maxMs: z.number().optional() }).default({}),
});

test.each<[object, string, string]>([
  [{ thread: 4 }, "thread", "is not known; did you mean threads?"],
  [{ colour: "red" }, "colour", "is not known; there are threads, poll"],
  [{ poll: { minMS: 4 } }, "poll.minMS", "is not known; did you mean minMs or maxMs?"],
  [{ threads: 0 }, "threads", "Too small: expected number to be >=1"],
])("%j", (options, field, message) => {
  const { error } = schema.safeParse(options);
  expect(optionIssues(error!, schema)).toMatchObject([{ field, message }]);
  expect(describeOptions(error!, schema)).toBe(`${field}: ${message}`);
});

test("what is no object at all is told as the whole", () => {
  expect(describeOptions(schema.safeParse(7).error!, schema)).toMatch(/^options: /);
});
