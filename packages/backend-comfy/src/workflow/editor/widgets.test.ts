import { describe, expect, it } from "vitest";
import { ObjectInfo } from "../../server/object-info.ts";
import { uiToApi } from "../ui-to-api.ts";
import type { UiNode } from "../ui-workflow.ts";

const int = (fallback: number) => ["INT", { default: fallback }];
const info = ObjectInfo.parse({
  Branching: {
    input: {
      required: {
        mode: [
          "COMFY_DYNAMICCOMBO_V3",
          {
            options: [
              { key: "auto", inputs: { required: {} } },
              {
                key: "manual",
                inputs: { required: { strength: ["FLOAT", { default: 1 }], seed: int(0), mask: ["MASK", {}] } },
              },
            ],
          },
        ],
        steps: int(20),
      },
    },
    output: ["MODEL"],
  },
  Growing: {
    input: {
      required: {
        images: [
          "COMFY_AUTOGROW_V3",
          { template: { input: { required: { image: ["IMAGE", {}] } }, prefix: "image", min: 1, max: 4 } },
        ],
        size: int(3),
      },
    },
    output: ["IMAGE"],
  },
  Typed: {
    input: {
      required: {
        frames: int(97),
        rate: ["FLOAT,INT", { default: 25, widgetType: "FLOAT" }],
        color: ["COLOR", { default: "#ffffff" }],
        crop: ["BOUNDING_BOX", { default: { x: 1, y: 2, width: 3, height: 4 } }],
        last: int(1),
      },
    },
    output: [],
  },
  Older: { input: { required: { frames: int(97), rate: ["FLOAT,INT", { default: 25 }], last: int(1) } }, output: [] },
  Forced: {
    input: { required: { status: ["STRING", { forceInput: true }], unet: [["a", "b"]], clip: [["c", "d"]] } },
    output: [],
  },
  Seeded: { input: { required: { seed: int(0), wildcards: [["none", "x"]], text: ["STRING", {}] } }, output: [] },
  Cycled: {
    input: { required: { name: [["a", "b"], { control_after_generate: true }], last: int(1) } },
    output: [],
  },
  Unknown: { input: { required: { knob: ["PACKS_KNOB", {}], last: int(1) } }, output: [] },
  CustomCombo: { input: { required: { choice: ["COMBO", { options: [] }] } }, output: ["STRING"] },
  Compare: { input: { required: { view: ["IMAGECOMPARE", {}], last: int(1) } }, output: [] },
  Crooked: { input: { required: { curve: ["CURVE", {}], list: ["COLORS", {}] } }, output: [] },
});
const inputsOf = (node: Omit<UiNode, "id">) => uiToApi({ nodes: [{ id: 1, ...node }], links: [] }, info)["1"]?.inputs;

describe("a node's fields", () => {
  it.each([
    ["of a choice without any of its own", "Branching", ["auto", 30], { mode: "auto", steps: 30 }],
    [
      "of a choice that brings some",
      "Branching",
      ["manual", 0.5, 7, 30],
      { mode: "manual", "mode.strength": 0.5, "mode.seed": 7, steps: 30 },
    ],
    [
      "of a choice, where no value is saved",
      "Branching",
      ["manual"],
      { mode: "manual", "mode.strength": 1, "mode.seed": 0, steps: 20 },
    ],
    [
      "of several types, a colour, a crop with fields of the editor's own",
      "Typed",
      [1, 2.5, "#00ff00", { x: 9, y: 9, width: 9, height: 9 }, 9, 9, 9, 9, 5],
      { frames: 1, rate: 2.5, color: "#00ff00", crop: { x: 9, y: 9, width: 9, height: 9 }, last: 5 },
    ],
    [
      "of such types, where no value is saved",
      "Typed",
      [],
      { frames: 97, rate: 25, color: "#ffffff", crop: { x: 1, y: 2, width: 3, height: 4 }, last: 1 },
    ],
    [
      "of several types, where only the number of values shows that they are typed in",
      "Older",
      [1, 2, 3],
      { frames: 1, rate: 2, last: 3 },
    ],
    ["of several types, where they are linked", "Older", [1, 3], { frames: 1, last: 3 }],
    ["that must be linked, in a file that has no place for them", "Forced", ["b", "d"], { unet: "b", clip: "d" }],
    ["that must be linked, in a file that has", "Forced", ["old", "b", "d"], { unet: "b", clip: "d" }],
    ["with a choice of what to do after and a filter", "Cycled", ["b", "increment", "", 4], { name: "b", last: 4 }],
    [
      "of a list that grows in the editor",
      "CustomCombo",
      ["two", 1, "one", "two", ""],
      { choice: "two", index: 1, option1: "one", option2: "two", option3: "" },
    ],
    [
      "that compare two pictures, with an empty list and no place in the file, as the editor's own body has them",
      "Compare",
      [5],
      { view: { __value__: ["", ""] }, last: 5 },
    ],
    [
      "that hold lists",
      "Crooked",
      [[[0, 1]], ["#fff"]],
      { curve: { __type__: "CURVE", __value__: [[0, 1]] }, list: { __value__: ["#fff"] } },
    ],
  ])("%s", (_, type, values, inputs) => {
    expect(inputsOf({ type, widgets_values: values })).toEqual(inputs);
  });

  it("go by name where the file has the names", () => {
    const named = { wildcards: "x", text: "hello", seed: 101 };
    expect(
      inputsOf({ type: "Seeded", widgets_values: ["x", "hello", 101, "fixed"], widgets_values_named: named }),
    ).toEqual(named);
  });

  it("of a type that nobody knows are known by the file", () => {
    const slot = { name: "knob", type: "PACKS_KNOB", link: null, widget: { name: "knob" } };
    expect(inputsOf({ type: "Unknown", inputs: [slot], widgets_values: [11, 2] })).toEqual({ knob: 11, last: 2 });
    expect(inputsOf({ type: "Unknown", widgets_values: [2] })).toEqual({ last: 2 });
    expect(inputsOf({ type: "Unknown", widgets_values_named: { knob: 11, last: 2 } })).toEqual({ knob: 11, last: 2 });
  });

  it("are as many as are linked", () => {
    const source = { id: 2, type: "Growing", widgets_values: [1] };
    const inputs = [0, 1].map((place) => ({ name: `images.image${place}`, type: "IMAGE", link: 10 + place }));
    const graph = uiToApi(
      {
        nodes: [source, { id: 1, type: "Growing", inputs, widgets_values: [5] }],
        links: [
          [10, 2, 0, 1, 0, "IMAGE"],
          [11, 2, 0, 1, 1, "IMAGE"],
        ],
      },
      info,
    );
    expect(graph["1"]!.inputs).toEqual({ size: 5, "images.image0": ["2", 0], "images.image1": ["2", 0] });
  });
});
