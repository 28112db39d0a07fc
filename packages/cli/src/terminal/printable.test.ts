import { PassThrough } from "node:stream";
import { expect, it } from "vitest";
import { printable, printing } from "./printable.ts";

const hostile = "a\u001b[2J\u001b]0;title\u0007b\u009b31mc\u007f\r\nd\te ✓";

it("writes signs that a terminal acts on as JSON does", () => {
  const shown = "a\\u001b[2J\\u001b]0;title\\u0007b\\u009b31mc\\u007f\\u000d\nd\te ✓";
  expect(printable(hostile)).toBe(shown);
});

it("leaves JSON the same", () => {
  expect(JSON.parse(printable(JSON.stringify({ hostile })))).toEqual({ hostile });
});

it("is what a stream prints, and bytes as they are", () => {
  const stream = new PassThrough();
  const own = printing(stream);
  own.write(hostile);
  own.write(Buffer.from([0x1b]) as never);
  expect(stream.read().toString("latin1")).toBe(`${Buffer.from(printable(hostile)).toString("latin1")}\u001b`);
});
