import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { local } from "../local.ts";
import { withHugePages } from "./huge-pages.ts";

it("asks glibc for large pages, beside the user's own tunables and not against them", () => {
  expect(withHugePages({ A: "b" }, "linux")).toEqual({ A: "b", GLIBC_TUNABLES: "glibc.malloc.hugetlb=1" });
  expect(withHugePages({ GLIBC_TUNABLES: "glibc.malloc.arena_max=1" }, "linux").GLIBC_TUNABLES).toBe(
    "glibc.malloc.arena_max=1:glibc.malloc.hugetlb=1",
  );
  expect(withHugePages({ GLIBC_TUNABLES: "glibc.malloc.hugetlb=0" }, "linux").GLIBC_TUNABLES).toBe(
    "glibc.malloc.hugetlb=0",
  );
  expect(withHugePages({}, "darwin")).toEqual({});
});

it.runIf(process.platform === "linux")("an engine's process is started so", async () => {
  const backend = local();
  await backend.warmUp();
  const environments = childrenOf(process.pid).map((pid) => readFileSync(`/proc/${pid}/environ`, "utf8"));
  await backend.dispose();
  expect(environments.some((text) => text.includes("glibc.malloc.hugetlb="))).toBe(true);
});

function childrenOf(parent: number): string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1]) === parent;
    } catch {
      return false; // no process, or one that has gone
    }
  });
}
