import { Option } from "commander";
import { UsageError } from "../report-error.ts";

/** Other tools' names (diffusers', OpenAI's, A1111's, stable-diffusion.cpp's) of flags that are here by another name. */
const sameAs: Readonly<Record<string, string>> = {
  "num-inference-steps": "steps",
  "sampling-steps": "steps",
  "guidance-scale": "guidance",
  "cfg-scale": "guidance",
  cfg: "guidance",
  "negative-prompt": "negative",
  "num-images-per-prompt": "count",
  "num-images": "count",
  "num-outputs": "count",
  "batch-count": "count",
  n: "count",
  "sampler-name": "sampler",
  "sampling-method": "sampler",
  "denoising-strength": "strength",
  denoise: "strength",
  "init-image": "image",
  "init-img": "image",
  "mask-image": "mask",
  "mask-img": "mask",
  "output-format": "format",
  "output-compression": "quality",
  "lora-path": "lora",
  output: "out",
  "output-path": "out",
};

/** Those that have no flag of the same meaning: where their setting is found. */
const elsewhere: Readonly<Record<string, string>> = {
  eta: "use --sampler-options eta=…",
  "output-type": "files are written; --format says of which kind, --save-latent also writes the latent",
  "response-format": "files are written; --json prints their paths, --out - writes the picture to standard output",
  generator: "use --seed",
  "manual-seed": "use --seed",
  background: "backgrounds are a matter of the prompt, or of --set backendOptions.<backend>.<name>=<value>",
  style: "styles are a matter of the prompt, or of --set backendOptions.<backend>.<name>=<value>",
  user: "it belongs to the backend: --set backendOptions.<backend>.user=<value>",
  "control-strength": "it stands behind the picture: --control canny=edges.png:0.8",
  "controlnet-conditioning-scale": "it stands behind the picture: --control canny=edges.png:0.8",
  "timeout-ms": "use --timeout, in seconds",
  "denoising-start": "use --start-step",
  "denoising-end": "use --end-step",
  "batch-size": "use --count",
  "aspect-ratio": "use --width and --height",
  "partial-images": "use --preview; the library's events have them",
  moderation: "it belongs to the backend: --set backendOptions.<backend>.moderation=<value>",
  "prompt-2": "a second text encoder takes the same prompt",
};

const names = Object.keys(sameAs);

/** Hidden options for other tools' names, so that they are understood, or answered with where it is found. */
export function foreignOptions(own: readonly Option[]): Option[] {
  const twins = names.map((name) => {
    const twin = own.find((option) => option.attributeName() === sameAs[name]);
    const option = new Option(`--${name} <value>`).hideHelp();
    if (twin?.parseArg !== undefined) option.argParser(twin.parseArg);
    return option;
  });
  const lost = Object.keys(elsewhere).map((name) => new Option(`--${name} [value]`).hideHelp());
  return [...twins, new Option("--size <WxH>").hideHelp(), ...lost];
}

/**
 * The flags with other tools' names put into ours.
 *
 * @throws UsageError for one that says the same as another flag, or has no flag of the same meaning.
 */
export function withOwnNames<F extends object>(flags: F): F {
  const own: Record<string, unknown> = { ...(flags as Record<string, unknown>) };
  const take = (name: string): unknown => {
    const key = attributeOf(name);
    const value = own[key];
    delete own[key];
    return value;
  };
  const set = (name: string, key: string, value: unknown) => {
    if (own[key] !== undefined)
      throw new UsageError(`--${name}: says the same as --${flagOf(key)}; leave one of them out`);
    own[key] = value;
  };
  for (const [name, hint] of Object.entries(elsewhere)) {
    if (take(name) !== undefined) throw new UsageError(`--${name}: is not known here: ${hint}`);
  }
  for (const name of names) {
    const value = take(name);
    if (value !== undefined) set(name, sameAs[name]!, value);
  }
  const size = take("size");
  if (size !== undefined) {
    const [, width, height] = /^(\d+)\s*[x×*]\s*(\d+)$/i.exec(String(size)) ?? [];
    if (width === undefined) throw new UsageError("--size: must be width x height, such as 1024x768");
    set("size", "width", Number(width));
    set("size", "height", Number(height));
  }
  return own as F;
}

/** Flags as diffusers' and OpenAI's fields are written, `--num_inference_steps`, with our dashes; values and what follows `--` stay. */
export function withDashes(argv: readonly string[]): string[] {
  const end = argv.indexOf("--");
  return argv.map((word, i) =>
    end >= 0 && i > end
      ? word
      : word.replace(/^--[a-z][a-z0-9]*(?:_[a-z0-9]+)+(?==|$)/, (flag) => flag.replaceAll("_", "-")),
  );
}

/** `num-inference-steps` as commander calls it. */
function attributeOf(name: string): string {
  return name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function flagOf(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
