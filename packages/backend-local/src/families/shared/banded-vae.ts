import { type ModelParts, partOf } from "../../models/model.ts";
import type { VaeCut } from "../../networks/blocks/vae-cut.ts";
import { withoutArena } from "../../networks/network-graph.ts";
import type { CodecMemory, LatentDims, NetworkRule, OnProgress, OpenModel } from "../family.ts";
import { budgetOf } from "./vae-memory.ts";

/** A VAE's decoder whole, and in two halves: what is of the latent's size, and what no row looks far in. */
export interface BandedVae {
  trunk(seam: number): NetworkRule["build"];
  tail(seam: number): NetworkRule["build"];
  /** Ways of cutting it, the quicker first. */
  cuts(config: unknown): readonly VaeCut[];
}

/** Runtimes grow their memory in steps: what they hold of what they need, measured. */
const held = 1.5;

/** Rows of the trunk's that a band makes at the least. */
const leastRows = 8;

/** What a decoder takes: whole, and in the smallest bands. */
export function bandedMemory(cuts: readonly VaeCut[], dims: LatentDims): CodecMemory {
  const [, height, width] = dims;
  const [cut] = cuts as [VaeCut];
  const whole = bandBytes(cut, height * cut.up, width * cut.up);
  return { whole, least: Math.min(whole, ...cuts.map((each) => leastBytes(each, dims))) };
}

/** What a decoder takes that is cut so, in the smallest bands. */
function leastBytes(cut: VaeCut, [, height, width]: LatentDims): number {
  const [rows, columns] = [height * cut.up, width * cut.up];
  const trunk = held * 4 * cut.floats.trunk * rows * columns * cut.scale ** 2;
  return Math.max(trunk, keptBytes(cut, rows, columns) + bandBytes(cut, least(cut, rows), columns));
}

/** {@link bandedMemory} of a model's decoder; of an encoder its graph tells. */
export function decoderMemory(
  model: ModelParts,
  { cuts }: BandedVae,
  dims: LatentDims,
  half: "encoder" | "decoder",
): CodecMemory | undefined {
  const { weights, config } = partOf(model, "vae");
  return half === "encoder" || weights.kind === "onnx" ? undefined : bandedMemory(cuts(config), dims);
}

function least({ reach }: VaeCut, rows: number): number {
  return Math.min(rows, leastRows + 2 * reach);
}

/** What the tail takes over so many of the trunk's rows. */
function bandBytes({ floats, scale }: VaeCut, rows: number, columns: number): number {
  return held * 4 * floats.tail * rows * columns * scale ** 2;
}

/** What the trunk makes, and the picture, twice. */
function keptBytes({ channels, colours, scale }: VaeCut, rows: number, columns: number): number {
  return 4 * rows * columns * (2 * channels + 2 * colours * scale ** 2);
}

/**
 * The picture's planes of a latent in the VAE's own scale, in bands of rows where it would not fit whole; undefined where it would. Each band is made of some rows more
 * than it needs, above and below, and what these lack is cut off with them: so it is the whole decoder's picture up to rounding.
 */
export async function decodeInBands(
  model: OpenModel,
  { trunk, tail, cuts: cutsOf }: BandedVae,
  latent: Float32Array,
  dims: LatentDims,
  { signal, onProgress, budget }: { signal: AbortSignal; onProgress?: OnProgress | undefined; budget?: number },
): Promise<Float32Array | undefined> {
  const cuts = cutsOf(partOf(model.model, "vae").config);
  const bytes = budget ?? (await budgetOf(model, bandedMemory(cuts, dims)));
  if (bytes === "whole") return undefined;
  const cut = cuts.find((each) => leastBytes(each, dims) <= bytes) ?? cuts.at(-1)!;
  const [depth, height, width] = dims;
  const [rows, columns] = [height * cut.up, width * cut.up];
  const { Tensor } = model.runtime;
  const first = await model.assemble(`vaeDecoder, below ${cut.seam}`, "vae", givingBack(trunk(cut.seam)));
  const input = new Tensor("float32", latent, [1, depth, height, width]);
  const { data } = await first.run({ latent_sample: input }, "rows", signal);
  const middle = data as Float32Array;

  const room = (bytes - keptBytes(cut, rows, columns)) / bandBytes(cut, 1, columns) - 2 * cut.reach;
  const count = Math.max(Math.min(leastRows, rows), Math.floor(room));
  const second = await model.assemble(`vaeDecoder, from ${cut.seam}`, "vae", givingBack(tail(cut.seam)));
  const picture = new Float32Array(cut.colours * rows * columns * cut.scale ** 2);
  for (let from = 0; from < rows; from += count) {
    const to = Math.min(rows, from + count);
    const [above, below] = [Math.max(0, from - cut.reach), Math.min(rows, to + cut.reach)];
    const seen = rowsOf(middle, { planes: cut.channels, height: rows, width: columns }, above, below);
    const tensor = new Tensor("float32", seen, [1, cut.channels, below - above, columns]);
    const { data: made } = await second.run({ rows: tensor }, "sample", signal);
    const band = { planes: cut.colours, height: (below - above) * cut.scale, width: columns * cut.scale };
    const own = rowsOf(made as Float32Array, band, (from - above) * cut.scale, (to - above) * cut.scale);
    const size = own.length / cut.colours;
    for (let plane = 0; plane < cut.colours; plane++)
      picture.set(own.subarray(plane * size, (plane + 1) * size), (plane * rows + from) * columns * cut.scale ** 2);
    onProgress?.(to, rows);
  }
  return picture;
}

/** A network that keeps no memory between its runs: the halves' and the bands' sizes differ, and together they would keep more than the whole takes. */
function givingBack(build: NetworkRule["build"]): NetworkRule["build"] {
  return (...args) => withoutArena(build(...args));
}

/** Some rows of all planes. */
function rowsOf(
  data: Float32Array,
  { planes, height, width }: { planes: number; height: number; width: number },
  from: number,
  to: number,
): Float32Array {
  const rows = new Float32Array(planes * (to - from) * width);
  for (let plane = 0; plane < planes; plane++)
    rows.set(
      data.subarray((plane * height + from) * width, (plane * height + to) * width),
      plane * (to - from) * width,
    );
  return rows;
}
