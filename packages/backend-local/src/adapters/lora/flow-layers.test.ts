import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { fixture } from "../../testing/test-model.ts";
import { originalFlowLayers } from "./flow-layers.ts";
import { layerName, readLoraKey } from "./lora-keys.ts";

type Shapes = Readonly<Record<string, readonly number[]>>;
const published = JSON.parse(gunzipSync(readFileSync(fixture("published-transformers.json.gz"))).toString());
const transformers = Object.entries<{ tensors: Shapes; original?: Shapes }>(published).filter(([name]) =>
  /^(flux1-(dev|fill)|flux2-klein-4b|z-image|sd3|qwen-image|chroma|pixart|auraflow|sana|lumina2|flux3-klein|krea2)(?!.*(vae|union))/.test(
    name,
  ),
);
const linear = (tensors: Shapes = {}) =>
  Object.keys(tensors).flatMap((name) =>
    name.endsWith(".weight") && tensors[name]!.length === 2 ? [name.slice(0, -".weight".length)] : [],
  );
/** Of these the halves lie in another order than diffusers has them: such a layer is told of and left out. */
const inOtherOrder = /^(final_layer\.(image\.)?adaLN_modulation|modF)\.1$/;

describe.each(transformers)("all linear layers of the published %s", (_, { tensors, original }) => {
  test("are found by their authors' names", () => {
    const found = new Set(
      linear(tensors).flatMap((name) => [name, ...originalFlowLayers(name).map((each) => each.name)]),
    );
    expect(linear(original).filter((name) => !found.has(name) && !inOtherOrder.test(name))).toEqual([]);
  });

  test.each([
    ["diffusion_model.", ".lora_A.weight"],
    ["transformer.", ".lora.down.weight"],
    ["base_model.model.", ".lora_A.default.weight"],
  ])("are read after %s", (start, end) => {
    for (const name of [...linear(tensors), ...linear(original)])
      expect(readLoraKey(`${start}${name}${end}`), name).toMatchObject({ layer: layerName(name), role: "down" });
  });

  test("are read as kohya and LyCORIS write them", () => {
    for (const name of [...linear(tensors), ...linear(original)])
      for (const start of ["lora_unet", "lycoris"]) {
        const key = readLoraKey(`${start}_${name.replaceAll(".", "_")}.lora_down.weight`);
        expect(key?.layer).toBe(layerName(name));
      }
  });
});
