import { FakeComfy, ipAdapterNodes } from "@latentkit/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { comfy } from "./comfy-backend.ts";
import type { InputSpec } from "./server/input-spec.ts";
import type { ObjectInfo } from "./server/object-info.ts";

// The other tests trust the fake's node definitions: here a real ComfyUI is asked for its own.
const url = process.env["COMFYUI_URL"] ?? "";

describe.skipIf(url === "")("the fake's nodes, against the server at COMFYUI_URL (not run when unset)", () => {
  let fake: FakeComfy;
  const backends: ReturnType<typeof comfy>[] = [];
  let ours: ObjectInfo;
  let theirs: ObjectInfo;
  beforeAll(async () => {
    fake = await FakeComfy.start({ extraNodes: ipAdapterNodes() });
    backends.push(comfy({ url: fake.url }), comfy({ url }));
    [ours, theirs] = (await Promise.all(backends.map(({ server }) => server.objectInfo()))) as [ObjectInfo, ObjectInfo];
  });
  afterAll(async () => {
    await Promise.all(backends.map((backend) => backend.dispose()));
    await fake.stop();
  });

  /** What graphs are built on: the kind of an input, and how far a number may go. Files and further choices are the server's own. */
  const essence = (input: InputSpec) => {
    const range = input.kind === "number" ? { min: Number(input.min), max: Number(input.max) } : {};
    return { name: input.name, kind: input.kind, required: input.required, ...range };
  };

  it("agree in inputs and outputs", () => {
    const missing: string[] = [];
    for (const [name, mine] of ours.nodes) {
      const real = theirs.node(name);
      if (real === undefined) {
        missing.push(name);
        continue;
      }
      const required = real.inputs.filter(({ required }) => required);
      const named = real.inputs.filter((input) => mine.inputs.some((own) => own.name === input.name));
      expect
        .soft(mine.inputs.map(essence).sort(byName), name)
        .toEqual([...new Set([...required, ...named])].map(essence).sort(byName));
      expect
        .soft(
          mine.outputs.map(({ type }) => type),
          name,
        )
        .toEqual(
          // Newer servers hand on what SaveImage and PreviewImage were given.
          real.outputs.slice(0, mine.outputs.length).map(({ type }) => type),
        );
    }
    // Nodes that came later, or with a pack of their own.
    const optional = ["ManualSigmas", ...Object.keys(ipAdapterNodes())];
    expect(missing.filter((name) => !optional.includes(name))).toEqual([]);
  });
});

const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name);
