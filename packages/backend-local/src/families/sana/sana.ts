import { partOf } from "../../models/model.ts";
import {
  buildDCDecoder,
  buildDCEncoder,
  buildDCTail,
  buildDCTrunk,
  dcCuts,
} from "../../networks/autoencoder-dc/autoencoder-dc.ts";
import { buildGemma2 } from "../../networks/gemma2/gemma2.ts";
import { gemma2Config } from "../../networks/gemma2/gemma2-config.ts";
import { sanaConfig } from "../../networks/sana-transformer/sana-config.ts";
import { buildSanaTransformer } from "../../networks/sana-transformer/sana-transformer.ts";
import { inSmallLetters } from "../../prompts/python-text.ts";
import type { TextTokenizer } from "../../prompts/text-tokenizer.ts";
import type { FamilyEngine } from "../family.ts";
import { encodeChats } from "../shared/chat-encoder.ts";
import { scaledBy } from "../shared/kl-codec.ts";
import { qwen3Rotary } from "../shared/qwen3-rotary.ts";
import type { Rows } from "../shared/rows.ts";
import { sincosPlaces } from "../shared/sincos-places.ts";
import { type Condition, steeredPasses } from "../shared/steered-passes.ts";
import { onePassEach, type Pass, toFeeds } from "../shared/transformer-passes.ts";
import { plainCodec } from "../shared/vae-codec.ts";
import { instruction } from "./instruction.ts";
import { textLength } from "./sana-traits.ts";

const isInstructed = (field: string) => field !== "negativePrompt";

/** How many tokens the instruction has by itself. */
const ofInstruction = (tokenizer: TextTokenizer) => tokenizer.tokens(instruction).length;

/**
 * Sana: Gemma 2's states of a text in small letters, which a prompt's instruction has a part in and is not among; and the squares of a latent 32 times smaller than
 * the picture.
 */
export const engine: FamilyEngine = {
  networks: {
    textEncoder: { part: "textEncoder", build: buildGemma2 },
    transformer: { part: "transformer", build: buildSanaTransformer },
    vaeDecoder: { part: "vae", build: buildDCDecoder },
    vaeEncoder: { part: "vae", build: buildDCEncoder },
  },

  needs: () => ["textEncoder", "transformer", "vaeDecoder"],

  async open(model, { steering, dims }, signal) {
    const spec = sanaConfig(partOf(model.model, "transformer").config);
    const gemma = {
      ...{ network: "textEncoder", tokenizer: "tokenizer", written: inSmallLetters },
      template: (field: string) => ({ before: isInstructed(field) ? instruction : "", after: "" }),
      // A token of the instruction's end is shown, too, and one more.
      most: (tokenizer: TextTokenizer, field: string) =>
        textLength + (isInstructed(field) ? ofInstruction(tokenizer) - 2 : 0),
      rotary: qwen3Rotary(gemma2Config(partOf(model.model, "textEncoder").config)),
    };
    const { states, warnings } = await encodeChats(model, steering, gemma, signal);
    const start = ofInstruction(await model.textTokenizer("tokenizer")) - 1;
    const transformer = await model.network("transformer");

    const [channels, height, width] = dims;
    const places = spec.interpolation_scale != null && {
      places: sincosPlaces(height, width, {
        ...{ width: spec.width, base: spec.sample_size, scale: spec.interpolation_scale },
      }),
    };
    const conditions = states.map((all, i): Condition => {
      const { field } = steering.groups[steering.rows[i]!.parts[0]!.group]!;
      return { text: isInstructed(field) ? firstAndFrom(all, start) : all, ...places };
    });
    const pass: Pass = async (latent, timestep, condition) => {
      const time: Rows = { data: Float32Array.of(timestep * spec.timestep_scale), dims: [1] };
      const sample: Rows = { data: latent, dims: [1, ...dims] };
      const feeds = toFeeds(model.runtime, { ...condition, sample, timestep: time });
      const { data } = await transformer.run(feeds, "velocity", signal);
      // Where it makes twice as many channels the others are a variance.
      return (data as Float32Array).slice(0, channels * height * width);
    };
    return { warnings, predict: steeredPasses(steering, conditions, (each) => onePassEach(each, pass)) };
  },

  codec: plainCodec(({ model: { traits } }) => scaledBy(traits.scalingFactor), {
    trunk: () => buildDCTrunk,
    tail: () => buildDCTail,
    cuts: dcCuts,
  }),
};

/** Of a text's states the first, and those from a token on. */
function firstAndFrom({ data, dims: [, count, width] }: Rows, start: number): Rows {
  const kept = new Float32Array((1 + count! - start) * width!);
  kept.set(data.subarray(0, width!));
  kept.set(data.subarray(start * width!), width!);
  return { data: kept, dims: [1, 1 + count! - start, width!] };
}
