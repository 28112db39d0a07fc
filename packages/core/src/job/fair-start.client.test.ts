import { expect, it, vi } from "vitest";
import type { Backend } from "../backend.ts";
import { createClient } from "../client.ts";
import { atOnce, fairStart } from "./fair-start.ts";

vi.mock("./fair-start.ts", { spy: true });

const backend: Backend = {
  id: "test",
  capabilities: async () => ({
    ...{ backend: "test", tasks: ["text-to-image"], features: [], conditioning: [], samplers: [], schedulers: [] },
    ...{ outputFormats: ["png"], limits: {}, resume: false },
  }),
  async *generate() {
    yield { type: "image", index: 0, image: { kind: "pixels", width: 1, height: 1, channels: 3, base64: "AQID" } };
    yield { type: "completed" };
  },
  dispose: async () => {},
};

it("a client's jobs wait for the program's turn where there are many, and not one after the other", async () => {
  const client = createClient({ backend });
  for (let i = 0; i < 2 * atOnce; i++) await client.generate({ prompt: "a" });
  expect(fairStart).not.toHaveBeenCalled();
  await Promise.all(Array.from({ length: 2 * atOnce }, () => client.generate({ prompt: "a" })));
  expect(fairStart).toHaveBeenCalled();
});
