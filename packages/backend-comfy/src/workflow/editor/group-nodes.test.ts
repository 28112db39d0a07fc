import { describe, expect, it } from "vitest";
import { ObjectInfo } from "../../server/object-info.ts";
import { uiToApi } from "../ui-to-api.ts";
import type { UiWorkflow } from "../ui-workflow.ts";

// A file of this shape was opened in the real editor of ComfyUI 0.3.64 (1.27.10), which sent what is expected here.
const info = ObjectInfo.parse({
  Loader: { input: { required: { name: [["m"]] } }, output: ["MODEL", "CLIP"] },
  Encode: { input: { required: { text: ["STRING", {}], clip: ["CLIP"] } }, output: ["CONDITIONING"] },
  Sampler: {
    input: {
      required: {
        model: ["MODEL"],
        seed: ["INT", { control_after_generate: true }],
        steps: ["INT", { default: 20 }],
        positive: ["CONDITIONING"],
        negative: ["CONDITIONING"],
      },
    },
    output: ["LATENT"],
  },
  Save: { input: { required: { samples: ["LATENT"] } }, output: [], output_node: true },
});
const encode = (text: string) => ({
  type: "Encode",
  inputs: [{ name: "clip", type: "CLIP", link: null }],
  widgets_values: [text],
});
const steps = { name: "steps", type: "INT", link: null, widget: { name: "steps" } };

function build({ isConverted = false, type = "workflow>mine" } = {}): UiWorkflow {
  const sampler = { type: "Sampler", inputs: isConverted ? [steps] : [], widgets_values: [1, "randomize", 20] };
  const outer = [
    { name: "clip", type: "CLIP", link: 2 },
    { name: "Encode clip", type: "CLIP", link: 2 },
    { name: "model", type: "MODEL", link: 1 },
    ...(isConverted ? [{ ...steps, link: 9 }] : []),
  ];
  const values = ["good", "bad", 777, "fixed", ...(isConverted ? [] : [7])];
  return {
    nodes: [
      { id: 4, type: "Loader", widgets_values: ["m"] },
      { id: 12, type, inputs: outer, outputs: [{ name: "LATENT", type: "LATENT" }], widgets_values: values },
      { id: 9, type: "Save", inputs: [{ name: "samples", type: "LATENT", link: 6 }] },
      ...(isConverted ? [{ id: 15, type: "PrimitiveNode", widgets_values: [11, "fixed"] }] : []),
    ],
    links: [
      [1, 4, 0, 12, 2, "MODEL"],
      [2, 4, 1, 12, 0, "CLIP"],
      [6, 12, 0, 9, 0, "LATENT"],
      ...(isConverted ? [[9, 15, 0, 12, 3, "INT"] as [number, number, number, number, number, string]] : []),
    ],
    extra: {
      groupNodes: {
        mine: {
          nodes: [encode("p"), encode("n"), sampler],
          links: [
            [0, 0, 2, 1, 6, "CONDITIONING"],
            [1, 0, 2, 2, 7, "CONDITIONING"],
          ],
          external: [],
        },
      },
    },
  };
}

describe("group nodes", () => {
  it("are unfolded, with the values of the outer node", () => {
    const graph = uiToApi(build(), info);
    expect(graph["9"]!.inputs).toEqual({ samples: ["12:2", 0] });
    expect(graph["12:0"]).toMatchObject({ class_type: "Encode", inputs: { text: "good", clip: ["4", 1] } });
    expect(graph["12:1"]!.inputs).toEqual({ text: "bad", clip: ["4", 1] });
    expect(graph["12:2"]!.inputs).toEqual({
      model: ["4", 0],
      seed: 777,
      steps: 7,
      positive: ["12:0", 0],
      negative: ["12:1", 0],
    });
    expect(uiToApi(build({ type: "workflow/mine" }), info)).toEqual(graph);
  });

  it("take values over links into fields that were made inputs", () => {
    expect(uiToApi(build({ isConverted: true }), info)["12:2"]!.inputs).toMatchObject({ seed: 777, steps: 11 });
  });

  it("that the file does not describe are named", () => {
    const { extra: _, ...saved } = build();
    expect(() => uiToApi(saved, info)).toThrow(
      expect.objectContaining({ code: "config", message: expect.stringContaining('node 12 is the group node "mine"') }),
    );
  });
});
