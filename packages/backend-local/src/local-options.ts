import { resolve } from "node:path";
import { ConfigError, controlTypes, describeOptions } from "@latentkit/core";
import { z } from "zod";
import type { DeviceSettings } from "./devices/choose-device.ts";
import { deviceUsage, parseDevice } from "./devices/device-choice.ts";
import { type DeviceName, deviceNames } from "./devices/device-name.ts";
import { type AskedPrecision, askedPrecisions } from "./devices/precision.ts";

/** What `executionProvider` may be: {@link deviceNames}, by the older name. */
export const executionProviders = deviceNames;
/** `"cpu"`, `"cuda"`, `"webgpu"`, `"directml"` or `"coreml"`. */
export type ExecutionProvider = DeviceName;

const path = z.string().min(1).optional();

const LocalOptionsSchema = z.strictObject({
  model: path,
  parts: z
    .strictObject({
      unet: path,
      transformer: path,
      vae: path,
      textEncoder: path,
      textEncoder2: path,
      textEncoder3: path,
    })
    .optional(),
  previewVae: path,
  prediction: z.enum(["epsilon", "v_prediction", "sample"]).optional(),
  variant: z
    .string()
    .regex(/^[\w-]+$/, 'must be a variant\'s name, such as "fp16"')
    .optional(),
  loraFolder: path,
  embeddingFolder: path,
  ipAdapter: path,
  imageEncoder: path,
  controlNets: z.partialRecord(z.enum(controlTypes), z.string().min(1)).optional(),
  device: z
    .string()
    .refine((text) => parseDevice(text) !== undefined, deviceUsage)
    .optional(),
  executionProvider: z.enum(executionProviders).optional(),
  precision: z.enum(askedPrecisions).default("auto"),
  onnxruntime: path,
  threads: z.int().min(1).max(1024).optional(),
  isolation: z.enum(["process", "thread"]).default("process"),
  cacheModels: z.int().min(1).max(16).default(1),
  maxMemory: z
    .union(
      [
        z.int(),
        z
          .string()
          .regex(/^\d+(\.\d+)? ?[MG]i?B$/i)
          .transform(toBytes),
      ],
      'must be bytes, or a text such as "6 GB"',
    )
    .refine((bytes) => bytes >= 256e6, "must be at least 256 MB")
    .optional(),
  engineOutput: z.enum(["ignore", "inherit"]).default("ignore"),
  idleMs: z
    .custom<number>((value) => typeof value === "number" && value >= 0, "must be milliseconds from 0, or Infinity")
    .default(600_000),
  stallMs: z
    .custom<number>((value) => typeof value === "number" && value > 0, "must be milliseconds above 0, or Infinity")
    .default(1_800_000),
});

/** Parts of a model by their own paths: each a `.safetensors` file, a folder with a config.json, or a whole model's folder. */
export interface LocalParts {
  unet?: string;
  transformer?: string;
  vae?: string;
  textEncoder?: string;
  textEncoder2?: string;
  textEncoder3?: string;
}

function toBytes(text: string): number {
  const [, count, unit, binary] = /^([\d.]+) ?([MG])(i?)B$/i.exec(text)!;
  const exponent = unit!.toUpperCase() === "G" ? 3 : 2;
  return Math.round(Number(count) * (binary ? 1024 : 1000) ** exponent);
}

/** Settings of {@link local}. Everything has a default. */
export interface LocalOptions {
  /**
   * A model: a folder in the diffusers layout, a single `.safetensors` checkpoint, or a model of the Hugging Face Hub (`"owner/name"`,
   * `"owner/name@revision"`) that is in the Hub's cache already; the embedded model where absent. `request.model` goes before it.
   */
  model?: string;
  /** Files or folders to take in place of the parts of `model`, or that it lacks, such as `{ vae: "vae.safetensors" }`. */
  parts?: LocalParts;
  /** A tiny VAE (TAESD), as a file or folder, that previews are decoded with: they are rougher then, and cost next to nothing. */
  previewVae?: string;
  /**
   * What the network predicts, where the files don't say so, or say it wrongly. Default: as a folder's scheduler_config.json, or a
   * single file's tensors and metadata tell.
   */
  prediction?: "epsilon" | "v_prediction" | "sample";
  /** Which files to take where a folder holds several: `"fp16"` takes `*.fp16.safetensors`. Default: the plain ones. */
  variant?: string;
  /** Where a LoRA lies that is called by its name alone, as in `loras: [{ model: "name" }]` and in A1111's `<lora:name:0.8>`. */
  loraFolder?: string;
  /**
   * Where a textual inversion lies that is called by its name alone, as in `embeddings: [{ model: "name" }]`. Of those in it, prompts in
   * A1111's syntax call one by its name, and in ComfyUI's by `embedding:name`, without being told.
   */
  embeddingFolder?: string;
  /**
   * ControlNets and T2I-Adapters by the control that they are for, where a request names none: `{ canny: "./controlnet-canny" }`. Each a
   * folder in the diffusers layout, a `.safetensors` file, or a model of the Hub's that is in its cache.
   */
  controlNets?: Partial<Record<(typeof controlTypes)[number], string>>;
  /** The IP-Adapter's file that pictures as prompts go through, where a request names none. */
  ipAdapter?: string;
  /** The folder of CLIP's image encoder that it was made for. Default: the `image_encoder` that lies beside it. */
  imageEncoder?: string;
  /**
   * What computes. Default `"cpu"`. `"auto"` takes the fastest GPU that works (CUDA, then WebGPU, then DirectML), tried once in a process of its own, and
   * the CPU where there is none, saying why. A name takes that device or fails; `"cuda:1"` and `"directml:1"` are the second card, `"webgpu:nvidia"`
   * the one whose Vulkan driver is called so (Linux).
   */
  device?: "auto" | DeviceName | `${DeviceName}:${string}`;
  /** The older name of {@link LocalOptions.device}. */
  executionProvider?: ExecutionProvider;
  /**
   * What networks are computed in, where the device has it. Default `"auto"`: float32; weights stay in the precision that they are stored in either way. On
   * the CPU there is float32 alone.
   */
  precision?: AskedPrecision;
  /**
   * Folder of the onnxruntime-node to use, such as one that has CUDA. Default: the environment's LATENTKIT_ONNXRUNTIME, else the one that
   * is installed.
   */
  onnxruntime?: string;
  /** Threads for one network run. Default: onnxruntime's choice, one a physical core. */
  threads?: number;
  /**
   * Where the engine lives. `"process"` (default): a child process, which can be stopped at any moment and whose crash is
   * an error. `"thread"`: a worker thread, where no process may be started; a cancel then waits for the step to end, and
   * exiting in the middle of a step aborts the whole process.
   */
  isolation?: "process" | "thread";
  /** How many models stay loaded, 1 to 16. Default 1. */
  cacheModels?: number;
  /**
   * Most memory that the engine is to take of its own, beside the weights' files that it maps: bytes, or a text such as `"6 GB"` or `"512 MiB"`,
   * from 256 MB. Where it is short, networks that are not at work are put to rest, and pictures are decoded in more and thinner stripes; a
   * size that can't be had is refused before any work. Default: no bound, with 4 GB for decoding.
   */
  maxMemory?: number | string;
  /** `"inherit"` lets the engine write to this process's terminal. Default `"ignore"`. */
  engineOutput?: "ignore" | "inherit";
  /**
   * After so many milliseconds without a request the engine ends and its memory is given back; the next request starts another. Default
   * 600000 (ten minutes). Infinity keeps it.
   */
  idleMs?: number;
  /**
   * A task in which the engine says nothing for so many milliseconds fails, and the engine is ended. The longest silence is one step, or the
   * loading of a model. Default 1800000 (half an hour); Infinity waits.
   */
  stallMs?: number;
}

/** Options with their defaults in place. */
export type ResolvedLocalOptions = z.output<typeof LocalOptionsSchema>;

/** What an engine is told of devices. */
export function deviceSettings(options: ResolvedLocalOptions, env: NodeJS.ProcessEnv = process.env): DeviceSettings {
  const { device, executionProvider, precision, onnxruntime = env["LATENTKIT_ONNXRUNTIME"] || undefined } = options;
  return {
    ...(device === undefined && executionProvider === undefined ? {} : { device: device ?? executionProvider }),
    ...(device === undefined && executionProvider !== undefined ? { option: "executionProvider" } : {}),
    ...(precision === "auto" ? {} : { precision }),
    ...(onnxruntime === undefined ? {} : { onnxruntime: resolve(onnxruntime) }),
  };
}

/** @throws ConfigError naming each wrong option and what it takes. */
export function parseLocalOptions(options: unknown = {}): ResolvedLocalOptions {
  const parsed = LocalOptionsSchema.safeParse(options);
  if (parsed.success) {
    const { device, executionProvider } = parsed.data;
    if (device === undefined || executionProvider === undefined || device === executionProvider) return parsed.data;
    const message = `local(): device is ${JSON.stringify(device)} and executionProvider, its older name, ${JSON.stringify(executionProvider)}: give one of them`;
    throw new ConfigError(message, { backend: "local" });
  }
  const problems = describeOptions(parsed.error, LocalOptionsSchema);
  throw new ConfigError(`local(): ${problems}`, { cause: parsed.error, backend: "local" });
}
