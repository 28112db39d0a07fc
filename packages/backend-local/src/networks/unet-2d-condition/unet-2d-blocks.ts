import type { Value } from "../../graph/graph-builder.ts";
import { downsample, upsample } from "../../graph/resample.ts";
import type { Scope } from "../../graph/scope.ts";
import { attentionBlock } from "../blocks/attention-block.ts";
import type { PerturbedAttention } from "../blocks/perturbed-attention.ts";
import { type ResnetStyle, resnetBlock2d } from "../blocks/resnet-block-2d.ts";
import { transformer2d } from "../blocks/transformer-2d.ts";
import type { UNetConfig, UNetLevel } from "./unet-2d-condition-config.ts";

/** A feature map and its number of channels. */
export interface Features {
  value: Value;
  channels: number;
  /** Whether it has the rows of the perturbed samples. */
  grown?: boolean;
}

/** What the blocks of one UNet share, from one to the next. */
export interface UNetContext {
  readonly config: Pick<UNetConfig, "downsample_padding">;
  style: ResnetStyle;
  /** The text, `[batch, tokens, crossAttentionDim]`, where any block attends to one. */
  text?: Value;
  readonly perturbed?: PerturbedAttention;
  /** What attentions look at beside the text, with so many heads. */
  readonly beside?: ((path: string, heads: number, query: Value, ofText: Value) => Value) | undefined;
  /** Whether the first layer that is perturbed has come, and the batch has grown. */
  grown: boolean;
}

/** A level on the way down: each layer's output, and the downsampled one, is kept for the way up. */
export function downBlock(
  scope: Scope,
  input: Features,
  level: UNetLevel,
  last: boolean,
  context: UNetContext,
  /** What a T2I-Adapter adds. */
  feature?: Value,
): Features[] {
  const kept: Features[] = [];
  const attends = level.down.startsWith("CrossAttn");
  const withFeature = (x: Value) => (feature === undefined ? x : scope.graph.node("Add", [x, feature]));
  let { value, channels } = input;
  for (let i = 0; i < level.layers; i++) {
    value = resnetBlock2d(scope.in("resnets", i), value, channels, level.channels, context.style);
    channels = level.channels;
    value = levelAttention(scope.in("attentions", i), value, level, level.down, level.downDepths[i]!, context);
    // Before the downsampler where the block attends to text, and after it where it doesn't: as the reference has it.
    if (i === level.layers - 1 && (attends || last)) value = withFeature(value);
    kept.push({ value, channels, grown: context.grown });
  }
  if (!last) {
    value = downsample(scope.in("downsamplers", 0), value, channels, context.config.downsample_padding);
    if (!attends) value = withFeature(value);
    kept.push({ value, channels, grown: context.grown });
  }
  return kept;
}

/** The middle, at the lowest resolution. */
export function midBlock(scope: Scope, input: Features, config: UNetConfig, context: UNetContext): Features {
  const { value, channels } = input;
  const level = config.levels.at(-1)!;
  const style = () => ({ ...context.style, scaleFactor: config.mid_block_scale_factor });
  const first = resnetBlock2d(scope.in("resnets", 0), value, channels, channels, style());
  if (config.mid_block_type === "UNetMidBlock2D") return { value: first, channels };
  const middle = { ...level, onlyCrossAttention: false };
  const attended = levelAttention(scope.in("attentions", 0), first, middle, "CrossAttn", level.downDepths[0]!, context);
  return { value: resnetBlock2d(scope.in("resnets", 1), attended, channels, channels, style()), channels };
}

/** A level on the way up: takes what the way down kept off `kept`, and doubles the size unless it is the `last`. */
export function upBlock(
  scope: Scope,
  input: Features,
  kept: Features[],
  level: UNetLevel,
  last: boolean,
  context: UNetContext,
): Features {
  const { graph } = scope;
  let { value, channels } = input;
  for (let i = 0; i <= level.layers; i++) {
    const skip = kept.pop()!;
    const skipped = context.grown && !skip.grown ? context.perturbed!.grow(skip.value) : skip.value;
    const joined = graph.node("Concat", [value, skipped], { attributes: { axis: { int: 1 } } });
    value = resnetBlock2d(scope.in("resnets", i), joined, channels + skip.channels, level.channels, context.style);
    channels = level.channels;
    value = levelAttention(scope.in("attentions", i), value, level, level.up, level.upDepths[i]!, context);
  }
  // An odd height or width was rounded up on the way down, so the size to return to is the next skip's.
  if (!last) value = upsample(scope.in("upsamplers", 0), value, channels, kept.at(-1)!.value);
  return { value, channels };
}

function levelAttention(
  scope: Scope,
  input: Value,
  level: UNetLevel,
  block: string,
  depth: number,
  context: UNetContext,
): Value {
  const { channels, heads, headSize, crossAttentionDim: textSize, onlyCrossAttention } = level;
  const { perturbed } = context;
  const value = perturbed?.touches(scope.path) && !context.grown ? grow(input, context, perturbed) : input;
  const { style, text } = context;
  const { groups, epsilon } = style;
  if (block.startsWith("CrossAttn")) {
    const sizes = { channels, heads, groups, depth, textSize, onlyCrossAttention };
    const { beside } = context;
    const own = beside && ((path: string, ...rest: [query: Value, ofText: Value]) => beside(path, heads, ...rest));
    return transformer2d(scope, value, { ...sizes, text: text!, perturbed, beside: own });
  }
  return block.startsWith("Attn")
    ? attentionBlock(scope, value, { channels, headSize, groups, epsilon, perturbed })
    : value;
}

/** From here on the batch has the rows of the perturbed samples too. */
function grow(input: Value, context: UNetContext, perturbed: PerturbedAttention): Value {
  const { text, style } = context;
  const { time } = style;
  context.grown = true;
  if (text !== undefined) context.text = perturbed.grow(text);
  if (time) context.style = { ...style, time: { ...time, value: perturbed.growShared(time.value) } };
  return perturbed.grow(input);
}
