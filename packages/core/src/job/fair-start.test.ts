import { expect, it } from "vitest";
import { fairStart } from "./fair-start.ts";

it("lets a job alone go on at once, and many a few at a time, in order, with the program's own work between them", async () => {
  expect(fairStart()).toBeUndefined();
  await new Promise((resolve) => setTimeout(resolve, 20));
  const order: (number | "other")[] = [];
  const timer = setInterval(() => order.push("other"), 0);
  const begin = async (i: number) => {
    await fairStart();
    order.push(i);
  };
  await Promise.all(Array.from({ length: 100 }, (_, i) => begin(i)));
  clearInterval(timer);
  expect(order.filter((each) => each !== "other")).toEqual(Array.from({ length: 100 }, (_, i) => i));
  const runs = order
    .join(" ")
    .split("other")
    .map((run) => run.trim().split(" ").length);
  expect(Math.max(...runs)).toBeLessThanOrEqual(32);
});
