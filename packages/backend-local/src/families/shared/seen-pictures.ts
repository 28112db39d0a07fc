import { createHash } from "node:crypto";
import type { Pixels } from "@latentkit/core";
import type { Tensor } from "onnxruntime-node";
import type { OpenModel } from "../family.ts";
import { inBlocks, type PatchLayout, patchesOf } from "./picture-patches.ts";
import { rotaryTables } from "./rotary-tables.ts";

/** A picture as a language model sees it. */
export interface SeenPicture {
  /** Tokens that stand for it. */
  rows: number;
  columns: number;
  /** What stands for each, `[rows·columns, width]`, and after it what is added in the first layers. */
  states: readonly Float32Array[];
  /** What tells it from others. */
  key: string;
}

/** What sees pictures beside a text model. */
export interface Sight extends PatchLayout {
  /** Its network. */
  network: string;
  headSize: number;
  /** How many outputs it has beside the picture. */
  deep: number;
  /** More inputs for a picture of so many patches. */
  beside(rows: number, columns: number, model: OpenModel): Record<string, Tensor>;
}

/** Shows pictures, whose sides are multiples of a token's, to what sees them. One that was seen before is not looked at again. */
export async function seePictures(
  model: OpenModel,
  pictures: readonly Pixels[],
  sight: Sight,
  signal: AbortSignal,
): Promise<SeenPicture[]> {
  const seen: SeenPicture[] = [];
  for (const picture of pictures) {
    const { width, height, data } = picture;
    const key = createHash("sha256").update(`${sight.network} ${width}×${height} `).update(data).digest("hex");
    const token = sight.patch * sight.merge;
    const make = async () =>
      (await see(model, picture, sight, signal)).map((states) => ({ states, width: 0, pooled: new Float32Array(0) }));
    const made = await model.texts.get(key, make);
    seen.push({ rows: height / token, columns: width / token, states: made.map(({ states }) => states), key });
  }
  return seen;
}

async function see(model: OpenModel, picture: Pixels, sight: Sight, signal: AbortSignal): Promise<Float32Array[]> {
  const { Tensor: Made } = model.runtime;
  const [rows, columns] = [picture.height / sight.patch, picture.width / sight.patch];
  const patches = patchesOf(picture, sight);
  const axes = [sight.headSize / 2, sight.headSize / 2];
  const { cos, sin } = rotaryTables(inBlocks(rows, columns, sight.merge), { axes, theta: 10_000, precision: "single" });
  const feeds = {
    patches: new Made("float32", patches, [1, rows * columns, patches.length / (rows * columns)]),
    cos: new Made("float32", cos.data, cos.dims),
    sin: new Made("float32", sin.data, sin.dims),
    ...sight.beside(rows, columns, model),
  };
  const network = await model.network(sight.network);
  const outputs = Array.from({ length: 1 + sight.deep }, (_, i) => (i === 0 ? "picture" : `picture_${i}`));
  const found = await network.runAll(feeds, outputs, signal);
  return found.map(({ data }) => (data as Float32Array).slice());
}
