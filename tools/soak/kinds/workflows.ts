import { uiToApi } from "../../../packages/backend-comfy/src/index.ts";
import { ObjectInfo } from "../../../packages/backend-comfy/src/server/object-info.ts";
import { FakeComfy } from "../../../packages/testing/src/fakes/comfy/fake-comfy.ts";
import type { Kind } from "../kind.ts";
import { mutatedJson } from "../random.ts";

/** Workflows as ComfyUI's editor saves them, changed: converted, or refused. */
export async function workflows(): Promise<Kind> {
  const fake = await FakeComfy.start({});
  const info = ObjectInfo.parse(await (await fetch(`${fake.url}/object_info`)).json());
  await fake.stop();
  return {
    longestMs: 5000,
    async once(random) {
      uiToApi(mutatedJson(editorWorkflow, random) as Parameters<typeof uiToApi>[0], info);
    },
    async [Symbol.asyncDispose]() {},
  };
}

const slot = (name: string, type: string, link: number | null = null) => ({ name, type, link });
const editorWorkflow = {
  last_node_id: 4,
  last_link_id: 3,
  version: 0.4,
  nodes: [
    {
      id: 1,
      type: "CheckpointLoaderSimple",
      mode: 0,
      inputs: [],
      outputs: [
        { name: "MODEL", type: "MODEL", links: [1] },
        { name: "CLIP", type: "CLIP", links: [2] },
      ],
      widgets_values: ["a.safetensors"],
    },
    {
      id: 2,
      type: "CLIPTextEncode",
      mode: 0,
      inputs: [slot("clip", "CLIP", 2)],
      outputs: [{ name: "CONDITIONING", type: "CONDITIONING", links: [3] }],
      widgets_values: ["a fox"],
    },
    {
      id: 3,
      type: "KSampler",
      mode: 0,
      inputs: [slot("model", "MODEL", 1), slot("positive", "CONDITIONING", 3), slot("negative", "CONDITIONING", 3)],
      outputs: [],
      widgets_values: [7, "fixed", 20, 7, "euler", "normal", 1],
    },
    { id: 4, type: "Reroute", mode: 4, inputs: [slot("", "*")], outputs: [] },
  ],
  links: [
    [1, 1, 0, 3, 0, "MODEL"],
    [2, 1, 1, 2, 0, "CLIP"],
    [3, 2, 0, 3, 1, "CONDITIONING"],
  ],
};
