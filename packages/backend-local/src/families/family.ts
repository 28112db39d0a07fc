import type { GenerationRequest, Pixels, WarningEvent } from "@latentkit/core";
import type { GridRequest } from "@latentkit/core/diffusion";
import type { z } from "zod";
import type { AdaptedLayer } from "../adapters/adapted-layers.ts";
import type { Network } from "../engine/network.ts";
import type { EngineJob } from "../engine/protocol.ts";
import type { Runtime } from "../engine/runtime.ts";
import type { TextCache } from "../engine/text-cache.ts";
import type { Weights } from "../files/weights.ts";
import type { Model, ModelParts } from "../models/model.ts";
import type { ResidualPlaces } from "../networks/blocks/residuals.ts";
import type { BuildOptions, NetworkGraph } from "../networks/network-graph.ts";
import type { Planes } from "../pipeline/image-tensor.ts";
import type { Settings } from "../pipeline/settings.ts";
import type { PromptTokenizer } from "../prompts/prompt-tokenizer.ts";
import type { Steering } from "../prompts/steering.ts";
import type { TextTokenizer } from "../prompts/text-tokenizer.ts";
import type { Traits } from "./traits.ts";

/**
 * A kind of diffusion model: which networks there are, and how they make a picture. This half is data and checks, for the
 * caller's process; what computes is behind {@link Family.engine}. Samplers, noise, guidance, tasks, previews and recipes
 * are the pipeline's, for each family alike.
 */
export interface Family {
  readonly id: string;
  /** For people. */
  readonly title: string;
  /** Classes in a model_index.json that are this family's. */
  readonly pipelines: readonly string[];
  /** Its parts by name (`textEncoder` lies in the folder text_encoder), with their classes in a model_index.json. */
  readonly parts: Readonly<Record<string, PartRule>>;
  /** Its tokenizers, likewise. */
  readonly tokenizers: Readonly<Record<string, PartRule>>;
  /** Folders of the schedulers that its pipelines have beside the one that samples. */
  readonly schedulers?: readonly string[] | undefined;
  /** What `backendOptions.local` of a request may say to it, beyond what every family takes. */
  readonly requestOptions?: z.ZodObject | undefined;
  /** What schedules a folder of a modular pipeline, whose blocks make it themselves, where it has none. */
  readonly blocksScheduler?: Readonly<Record<string, unknown>> | undefined;
  /**
   * How its pipelines lay out a run of so many steps over a picture of so many tokens, where the model's own scheduler is asked and takes
   * levels. Default: the scheduler's own way, by the number of steps.
   */
  levels?(steps: number, tokens: number, model: ModelParts): Levels;
  /**
   * Scale of guidance over two passes of a network that takes the request's own scale itself, or takes none, where a request can ask for it.
   * Default 1: none.
   */
  secondPassScale?(request: GenerationRequest): number;
  /** Holds a model's configs against each other and says what it can do. @throws ModelError naming the file and the option. */
  describe(model: ModelParts): Traits;
  /** What the engine needs of it. */
  engine(): Promise<FamilyEngine | PictureEngine>;
}

/** The levels that a scheduler is given, before its shift: and the shift's μ, where that is dynamic and not linear in the tokens. */
export type Levels = Pick<GridRequest, "sigmas" | "mu">;

/** What a part may be. */
export interface PartRule {
  readonly classes: readonly string[];
  /** Whether a model may do without it. */
  readonly optional?: boolean;
  /** Its folder. Default: its name's. */
  readonly folder?: string;
}

/** The networks of a family at work, in the engine. */
export interface FamilyNetworks {
  /** By name. */
  readonly networks: Readonly<Record<string, NetworkRule>>;
  /** Those that a job takes, in the order in which they are used. */
  needs(job: FamilyJob, model: Model): readonly NetworkChoice[];
}

/** A family that makes a picture at once, without sampling: its traits say `atOnce`. */
export interface PictureEngine extends FamilyNetworks {
  /** A picture of a job's input picture, in the size that its settings say. */
  picture(model: OpenModel, job: FamilyJob, signal: AbortSignal, onProgress?: OnProgress): Promise<Pixels>;
}

/** A family at work. */
export interface FamilyEngine extends FamilyNetworks {
  /** Encodes what steers a job: its texts, its pictures. */
  open(model: OpenModel, job: FamilyJob, signal: AbortSignal): Promise<Denoiser>;
  readonly codec: Codec;
}

/** Which part a network's weights are of, and how its graph is built. */
export interface NetworkRule {
  readonly part: string;
  /** Whether a model of the family has it, where some do not. */
  serves?(model: ModelParts): boolean;
  /**
   * Another network over the same part, for which it makes once what that one is shown in each step: what adapters add to that one's layers they add to its
   * own of the same names, and where memory is short it rests while that one works.
   */
  readonly preparesFor?: string;
  build(config: unknown, weights: Weights, options: NetworkOptions): NetworkGraph;
}

/** What of a network a job may ask to be otherwise. */
export interface NetworkOptions extends BuildOptions {
  readonly perturbedLayers?: readonly string[];
  readonly vectors?: boolean;
  readonly controlled?: boolean;
  readonly features?: number;
  readonly imagePrompts?: number;
  readonly references?: boolean;
  readonly residuals?: readonly ResidualPlaces[];
  readonly pictures?: number;
  /** What the model's model_index.json says, where a network's use depends on it. */
  readonly index?: Readonly<Record<string, unknown>>;
}

/** A network by its name, or one that is built otherwise. */
export type NetworkChoice = string | NetworkVariant;

/** A network whose self-attentions of these names can be perturbed, or with places for what adapters add. */
export interface NetworkVariant {
  readonly network: string;
  readonly perturbedLayers?: readonly string[];
  /** Of a LoRA: in these layers. */
  readonly adapted?: readonly AdaptedLayer[];
  /** Of textual inversions, in a text encoder: among its tokens. */
  readonly vectors?: boolean;
  /** Of ControlNets, in a denoising network: beside its skip connections. */
  readonly controlled?: boolean;
  /** Of a T2I-Adapter, in a denoising network: how many blocks have one. */
  readonly features?: number;
  /** Of IP-Adapters, in a denoising network: beside its text, for so many groups of pictures. */
  readonly imagePrompts?: number;
  /** Of reference pictures, in a denoising network that is shown them apart from the picture, and in a text encoder that sees them. */
  readonly references?: boolean;
  /** How many reference pictures stand among a text's words, in a network over both. */
  readonly pictures?: number;
  /** Of ControlNets, in a transformer: which of their results is added after each block, for each of its lists of blocks. */
  readonly residuals?: readonly ResidualPlaces[];
}

/** A job as a family sees it. */
export interface FamilyJob {
  readonly request: GenerationRequest;
  readonly settings: Settings;
  readonly inputs: EngineJob["inputs"];
  /** A latent's sides. */
  readonly dims: LatentDims;
  /** Whether any step looks at the unconditional pass. */
  readonly guided: boolean;
  /** Its texts, and when each acts. */
  readonly steering: Steering;
  /** Self-attentions that the perturbed pass does without, where any step looks at one. */
  readonly perturbedLayers?: readonly string[] | undefined;
}

/** A latent's `[channels, height, width]`. */
export type LatentDims = readonly [channels: number, height: number, width: number];

/** Which passes a step needs beside the conditional one. */
export interface Passes {
  /** Calls of the network for this image before this one. */
  readonly call: number;
  readonly uncond: boolean;
  readonly perturbed: boolean;
}

/** The denoising network with all that steers it. */
export interface Denoiser {
  /** What of the texts had no effect, and the like. */
  readonly warnings: readonly WarningEvent[];
  /** What the network sees beside the latent, for each image: more channels, drawn before or after the first noise. */
  readonly beside?: Beside | undefined;
  /** Whether what an inpainting keeps is blended in after each step. Not where the network is shown it. Default true. */
  readonly blends?: boolean;
  /** What becomes of a guided prediction, beside the conditional one: by default it is as it is. */
  afterGuidance?(guided: Float32Array, cond: Float32Array): Float32Array;
  /** The input picture's distribution over latents, where it has been encoded for the network to see. */
  readonly encoded?: Float32Array | undefined;
  /** Whether the picture's latent is drawn though nothing is blended, and nothing of it is left: its random numbers count. */
  readonly drawsPicture?: boolean;
  /**
   * Predicts at one latent `[channels, height, width]` and timestep, in step `index`: an output for each pass, in the order
   * unconditional, conditional, perturbed.
   */
  predict(
    input: Float32Array,
    timestep: number,
    index: number,
    passes: Passes,
    beside?: Float32Array,
  ): Promise<Float32Array[]>;
}

/** More channels of a network's input, `[more, height, width]`. */
export interface Beside {
  readonly drawn: "before noise" | "after noise";
  draw(randn: (n: number) => Float32Array): Float32Array;
}

/** Told how much of a work is done, of how much. */
export type OnProgress = (done: number, of: number) => void;

/** Pictures to latents and back. */
export interface Codec {
  /** Whether there is memory for pictures of that size, also for encoding them. @throws OutOfMemoryError saying what would fit. */
  check?(model: OpenModel, dims: LatentDims, encodes: boolean): void;
  /** Bytes that a half of the VAE takes between its layers: run whole, and at the least. Unless given, as its graph tells. */
  memory?(model: Pick<OpenModel, "model">, dims: LatentDims, half: "encoder" | "decoder"): CodecMemory | undefined;
  /** A picture's distribution over latents. */
  encode(model: OpenModel, picture: Planes, signal: AbortSignal): Promise<Float32Array>;
  /** A latent drawn from it. */
  draw(model: OpenModel, distribution: Float32Array, randn: (n: number) => Float32Array): Float32Array;
  /** The picture that a latent stands for. */
  decode(
    model: OpenModel,
    latent: Float32Array,
    dims: LatentDims,
    signal: AbortSignal,
    onProgress?: OnProgress,
  ): Promise<Pixels>;
  /** The same for a look at what is not finished, where that is had more cheaply. */
  preview?(model: OpenModel, latent: Float32Array, dims: LatentDims, signal: AbortSignal): Promise<Pixels>;
}

/** What a VAE takes, in bytes. */
export interface CodecMemory {
  whole: number;
  /** In stripes. */
  least: number;
}

/**
 * The key of a network of other files. One that `shares` layers with a network of the model has that one's adapters in them, by the options that it is
 * built with.
 */
export type BesidePlace = string | { readonly key: string; readonly shares?: string | undefined };

/** A model in the engine, as a family sees it: what is asked for is loaded when it is first used. */
export interface OpenModel {
  readonly model: Model;
  readonly runtime: Runtime;
  network(choice: NetworkChoice): Promise<Network>;
  /** A graph over a part's weights that is none of the family's networks; it stays loaded under its key as they do. */
  assemble(key: string, part: string, build: NetworkRule["build"]): Promise<Network>;
  /** A network of other files than the model's; it stays loaded under its key, as the model's do, until {@link keepBeside}. */
  beside(place: BesidePlace, build: (options: BuildOptions) => Promise<NetworkGraph>): Promise<Network>;
  /** Releases the networks of other files whose keys begin so, but for these. */
  keepBeside(start: string, kept: readonly BesidePlace[]): Promise<void>;
  /** Gives back the memory of all networks; each wakes when it is next run. */
  rest(): Promise<void>;
  /** A tokenizer of CLIP's kind. */
  tokenizer(name: string): Promise<PromptTokenizer>;
  /** A language model's. */
  textTokenizer(name: string): Promise<TextTokenizer>;
  /** Texts that were encoded before. */
  readonly texts: TextCache;
}
