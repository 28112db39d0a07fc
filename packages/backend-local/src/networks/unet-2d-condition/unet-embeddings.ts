import { type Activation, activate } from "../../graph/activation.ts";
import type { Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import type { Scope } from "../../graph/scope.ts";
import { timestepEmbedding } from "../../graph/timestep-embedding.ts";
import type { UNetConfig } from "./unet-2d-condition-config.ts";

/** The vector that tells every residual block of a UNet about the timestep (and class, size …), before its activation. */
export function unetEmbedding(root: Scope, config: UNetConfig): { value: Value; channels: number } {
  const { graph } = root;
  const add = (a: Value, b: Value) => graph.node("Add", [a, b]);
  const timesteps = graph.input("timestep", "float32", ["timesteps"]);
  const inFeatures = config.block_out_channels[0]!;
  const outFeatures = config.timeEmbedDim;
  const waves = (steps: Value, dimension: number) =>
    timestepEmbedding(graph, steps, { dimension, flipSinToCos: config.flip_sin_to_cos, freqShift: config.freq_shift });

  let time = waves(timesteps, inFeatures);
  if (config.time_cond_proj_dim != null) {
    const condition = graph.input("timestep_cond", "float32", ["batch", config.time_cond_proj_dim]);
    const sizes = { inFeatures: config.time_cond_proj_dim, outFeatures: inFeatures, bias: false };
    time = add(time, linear(root.in("time_embedding", "cond_proj"), condition, sizes));
  }
  const postActivation = config.timestep_post_act;
  let value = mlp(root.in("time_embedding"), time, { inFeatures, outFeatures }, config.act_fn);
  if (postActivation != null) value = activate(graph, postActivation, value);
  let channels = outFeatures;

  const label = classEmbedding(root.in("class_embedding"), config, waves);
  if (label !== undefined && config.class_embeddings_concat) {
    value = graph.node("Concat", [value, label], { attributes: { axis: { int: 1 } } });
    channels *= 2;
  } else if (label !== undefined) value = add(value, label);

  if (config.addition_embed_type === "text_time") {
    const pooled = graph.input("text_embeds", "float32", ["batch", "pooled"]);
    const ids = graph.input("time_ids", "float32", ["batch", "ids"]);
    const sizes = waves(ids, config.addition_time_embed_dim!);
    const batch = graph.node("Shape", [pooled], { attributes: { end: { int: 1 } } });
    const shape = graph.node("Concat", [batch, graph.ints([-1])], { attributes: { axis: { int: 0 } } });
    const flat = graph.node("Reshape", [sizes, shape]);
    const all = graph.node("Concat", [pooled, flat], { attributes: { axis: { int: 1 } } });
    const features = { inFeatures: config.projection_class_embeddings_input_dim!, outFeatures };
    value = add(value, mlp(root.in("add_embedding"), all, features, "silu"));
  }
  if (config.time_embedding_act_fn != null) value = activate(graph, config.time_embedding_act_fn, value);
  return { value, channels };
}

function classEmbedding(
  scope: Scope,
  config: UNetConfig,
  waves: (steps: Value, dimension: number) => Value,
): Value | undefined {
  const { graph } = scope;
  const outFeatures = config.timeEmbedDim;
  const vector = (size: number) => graph.input("class_labels", "float32", ["batch", size]);
  switch (config.class_embed_type) {
    case "timestep": {
      const inFeatures = config.block_out_channels[0]!;
      const labels = graph.input("class_labels", "float32", ["batch"]);
      return mlp(scope, waves(labels, inFeatures), { inFeatures, outFeatures }, config.act_fn);
    }
    case "identity":
      return vector(outFeatures);
    case "projection": {
      const inFeatures = config.projection_class_embeddings_input_dim!;
      return mlp(scope, vector(inFeatures), { inFeatures, outFeatures }, "silu");
    }
    case "simple_projection": {
      const inFeatures = config.projection_class_embeddings_input_dim!;
      return linear(scope, vector(inFeatures), { inFeatures, outFeatures });
    }
    default: {
      if (config.num_class_embeds == null) return undefined;
      return scope.lookup(graph.input("class_labels", "int32", ["batch"]), config.num_class_embeds, outFeatures);
    }
  }
}

/** Linear, activation, linear: diffusers' TimestepEmbedding. */
export function mlp(
  scope: Scope,
  input: Value,
  { inFeatures, outFeatures }: { inFeatures: number; outFeatures: number },
  activation: Activation,
): Value {
  const wide = linear(scope.in("linear_1"), input, { inFeatures, outFeatures });
  const active = activate(scope.graph, activation, wide);
  return linear(scope.in("linear_2"), active, { inFeatures: outFeatures, outFeatures });
}
