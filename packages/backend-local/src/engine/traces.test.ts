import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@latentkit/core";
import { expect, it, onTestFinished, vi } from "vitest";
import { local } from "../local.ts";
import { withoutTelemetry } from "./no-telemetry.ts";

it("keeps onnxruntime from reporting usage, unless the user wants it", () => {
  expect(withoutTelemetry({ PATH: "/bin" })).toEqual({ PATH: "/bin", ORT_DISABLE_TELEMETRY: "1" });
  expect(withoutTelemetry({ ORT_DISABLE_TELEMETRY: "0" })).toEqual({ ORT_DISABLE_TELEMETRY: "0" });
});

it.skipIf(process.platform === "win32")("leaves nothing in the home and temporary folders", async () => {
  const folder = await mkdtemp(join(tmpdir(), "latentkit-traces-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const name of ["HOME", "TMPDIR", "XDG_CACHE_HOME"]) vi.stubEnv(name, folder);
  vi.stubEnv("ORT_DISABLE_TELEMETRY", undefined);
  onTestFinished(() => void vi.unstubAllEnvs());
  await using client = createClient({ backend: local() });
  await client.generate({ prompt: "a cat", steps: 1 });
  expect(await readdir(folder)).toEqual([]);
});
