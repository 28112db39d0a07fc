import { controlTypes, type GenerationInput, imageFormats, promptSyntaxes } from "@latentkit/core";
import { InvalidArgumentError, Option } from "commander";
import { decimal, whole } from "./sampling-flags.ts";

/** Flags of what goes with a prompt: adapters, pictures that steer, a second pass, and the file that is made. */
export interface RequestFlags {
  lora?: Named[];
  embedding?: { model: string; token?: string }[];
  control?: Steering[];
  imagePrompt?: Steering[];
  reference?: string[];
  hires?: number;
  hiresStrength?: number;
  hiresSteps?: number;
  hiresUpscaler?: string;
  hiresSampler?: string;
  hiresScheduler?: string;
  classLabel?: number;
  maskGrow?: number;
  maskBlur?: number;
  maskPadding?: number;
  onlyMasked?: boolean;
  refine?: { strength: number; steps?: number }[];
  redraw?: number | true;
  draftSteps?: number;
  draftScale?: number;
  clipSkip?: number;
  imageGuidanceScale?: number;
  promptSyntax?: string;
  feather?: number;
  /** False where `--no-keep-unmasked` was given. */
  keepUnmasked?: boolean;
  format?: string;
  quality?: number;
  /** False where `--no-embed-recipe` was given. */
  embedRecipe?: boolean;
  embedInputs?: boolean;
}

interface Named {
  model: string;
  strength?: number;
}
interface Steering {
  control?: string;
  image: string;
  strength?: number;
}

/** A flag that may be given several times. */
export function several<T>(flag: string, description: string, parse: (text: string) => T): Option {
  return new Option(flag, description).argParser((text: string, before: T[] | undefined) => [
    ...(before ?? []),
    parse(text),
  ]);
}

/** The options that `latentkit generate` has for them. */
export function requestOptions(): Option[] {
  return [
    several("--lora <file[:strength]>", "a LoRA, by file, name or URL; again for more", named),
    several("--embedding <file[=token]>", "a textual inversion and its word in the prompt; again for more", embedding),
    several(
      "--control <type=image[:strength]>",
      `a control picture: ${controlTypes.join(", ")}; again for more`,
      control,
    ),
    several("--image-prompt <image[:strength]>", "a picture as a prompt (IP-Adapter); again for more", imagePrompt),
    several("--reference <image>", "a picture for a model that edits by instruction; again for more", (image) => image),
    new Option("--hires <scale>", "a second pass, at so many times the size").argParser(decimal),
    new Option("--hires-strength <0-1>", "how much the second pass changes").argParser(decimal),
    new Option("--hires-steps <n>", "steps of the second pass").argParser(whole),
    new Option("--hires-upscaler <name>", "nearest, bilinear, bicubic, lanczos, or an upscale model"),
    new Option("--hires-sampler <name>", "sampler of the second pass"),
    new Option("--hires-scheduler <name>", "scheduler of the second pass"),
    new Option("--class-label <n>", "what a model that was trained on classes draws (task unconditional)").argParser(
      whole,
    ),
    new Option("--mask-grow <pixels>", "grow the mask's white on each side; below 0 shrink it").argParser(wholeOrBelow),
    new Option("--mask-blur <pixels>", "blur the mask's edge").argParser(decimal),
    new Option("--only-masked", "paint the masked part alone, at the model's own size (task inpaint)"),
    new Option("--mask-padding <pixels>", "what is looked at around it").argParser(whole),
    several("--refine <strength[:steps]>", "go on with the picture; again for more stages", stage),
    new Option("--redraw [strength]", "draw the enlarged picture anew in tiles (task upscale)").argParser(decimal),
    new Option("--draft-steps <n>", "make a draft, in so many steps; --final makes its picture").argParser(whole),
    new Option("--draft-scale <share>", "make a draft, of so much of the size").argParser(decimal),
    new Option("--clip-skip <n>", "text encoder layers left off at the end; 1 is none").argParser(whole),
    new Option(
      "--image-guidance-scale <scale>",
      "how much --image guides a model that edits by instruction (InstructPix2Pix); 1 is off",
    ).argParser(decimal),
    new Option("--prompt-syntax <syntax>", "how brackets and breaks in the prompts are read").choices(promptSyntaxes),
    new Option("--feather <pixels>", "soft edge between old and new (task outpaint)").argParser(whole),
    new Option("--no-keep-unmasked", "let the model change what the mask leaves black (tasks inpaint, outpaint)"),
    new Option("--format <format>", `${imageFormats.join(", ")} (default: by --out's ending, else png)`).argParser(
      format,
    ),
    new Option("--quality <1-100>", "quality of a JPEG or WebP").argParser(whole),
    new Option("--no-embed-recipe", "write no recipe into PNG files"),
    new Option("--embed-inputs", "keep the bytes of inputs in the recipe, where they were given as bytes"),
  ];
}

/** The request's fields that these flags give. */
export function requestFields(flags: RequestFlags): Partial<GenerationInput> {
  const conditioning = [
    ...(flags.imagePrompt ?? []).map((entry) => ({ kind: "image-prompt", ...entry })),
    ...(flags.control ?? []).map((entry) => ({ kind: "control", ...entry })),
    ...(flags.reference ?? []).map((image) => ({ kind: "reference", image })),
  ];
  const hires = given({
    scale: flags.hires,
    strength: flags.hiresStrength,
    steps: flags.hiresSteps,
    upscaler: flags.hiresUpscaler,
    sampler: flags.hiresSampler,
    scheduler: flags.hiresScheduler,
  });
  const draft = given({ steps: flags.draftSteps, scale: flags.draftScale });
  const output = given({
    format: flags.format,
    quality: flags.quality,
    embedRecipe: flags.embedRecipe === false ? false : undefined,
    embedInputs: flags.embedInputs,
  });
  return given({
    loras: flags.lora,
    embeddings: flags.embedding,
    conditioning: conditioning.length === 0 ? undefined : conditioning,
    hires: Object.keys(hires).length === 0 ? undefined : hires,
    classLabel: flags.classLabel,
    maskGrow: flags.maskGrow,
    maskBlur: flags.maskBlur,
    maskPadding: flags.maskPadding,
    onlyMasked: flags.onlyMasked,
    refine: flags.refine,
    redraw: flags.redraw === undefined ? undefined : flags.redraw === true ? {} : { strength: flags.redraw },
    draft: Object.keys(draft).length === 0 ? undefined : draft,
    clipSkip: flags.clipSkip,
    imageGuidanceScale: flags.imageGuidanceScale,
    promptSyntax: flags.promptSyntax,
    feather: flags.feather,
    keepUnmasked: flags.keepUnmasked === false ? false : undefined,
    output: Object.keys(output).length === 0 ? undefined : output,
  }) as Partial<GenerationInput>;
}

const flagOf: Readonly<Record<string, string>> = {
  loras: "--lora",
  embeddings: "--embedding",
  hires: "--hires",
  "hires.scale": "--hires",
  "hires.strength": "--hires-strength",
  "hires.steps": "--hires-steps",
  "hires.upscaler": "--hires-upscaler",
  "hires.sampler": "--hires-sampler",
  "hires.scheduler": "--hires-scheduler",
  classLabel: "--class-label",
  maskGrow: "--mask-grow",
  maskBlur: "--mask-blur",
  maskPadding: "--mask-padding",
  onlyMasked: "--only-masked",
  refine: "--refine",
  redraw: "--redraw",
  "redraw.strength": "--redraw",
  "draft.steps": "--draft-steps",
  "draft.scale": "--draft-scale",
  clipSkip: "--clip-skip",
  imageGuidanceScale: "--image-guidance-scale",
  promptSyntax: "--prompt-syntax",
  feather: "--feather",
  keepUnmasked: "--no-keep-unmasked",
  "output.format": "--format",
  "output.quality": "--quality",
  "output.embedRecipe": "--no-embed-recipe",
  "output.embedInputs": "--embed-inputs",
};

/** The flag that sets a field of these, if one does; of a list the flag and which one it is. */
export function requestFlagOf(field: string): string | undefined {
  if (Object.hasOwn(flagOf, field)) return flagOf[field];
  const [, list = "", index, rest = ""] = /^(loras|embeddings)\[(\d+)\](.*)$/.exec(field) ?? [];
  if (index === undefined) return undefined;
  return `${flagOf[list]} ${Number(index) + 1}${rest === "" ? "" : ` ${rest.slice(1)}`}`;
}

/** A name and, after its last colon, a number. A colon in a path or URL is followed by something else. */
function withNumber(text: string): { text: string; number?: number } {
  const [, head, number] = /^(.+):([+-]?(?:\d+\.?\d*|\.\d+))$/.exec(text) ?? [];
  return head === undefined ? { text } : { text: head, number: Number(number) };
}

function named(value: string): Named {
  const { text, number } = withNumber(notEmpty(value));
  return number === undefined ? { model: text } : { model: text, strength: number };
}

function embedding(value: string): { model: string; token?: string } {
  const [, model, token] = /^(.+)=([^=/\\]+)$/.exec(notEmpty(value)) ?? [];
  return model === undefined ? { model: value } : { model, token: token! };
}

function imagePrompt(value: string): Steering {
  const { text, number } = withNumber(notEmpty(value));
  return number === undefined ? { image: text } : { image: text, strength: number };
}

function control(value: string): Steering {
  const [, type, image] = /^([a-z-]+)=(.+)$/i.exec(value) ?? [];
  if (type === undefined) throw new InvalidArgumentError("It must be type=image, such as canny=edges.png.");
  return { control: type, ...imagePrompt(image!) };
}

function format(text: string): string {
  return text.toLowerCase() === "jpg" ? "jpeg" : text;
}

function notEmpty(text: string): string {
  if (text === "") throw new InvalidArgumentError("It must not be empty.");
  return text;
}

function given(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function wholeOrBelow(text: string): number {
  if (/^-?\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError("must be a whole number");
}

/** `0.4` or `0.4:20`. */
function stage(text: string): { strength: number; steps?: number } {
  const [, strength, steps] = /^([\d.]+)(?::(\d+))?$/.exec(text) ?? [];
  if (strength === undefined) throw new InvalidArgumentError("must be a strength, or strength:steps, such as 0.4:20");
  return { strength: decimal(strength), ...(steps === undefined ? {} : { steps: Number(steps) }) };
}
