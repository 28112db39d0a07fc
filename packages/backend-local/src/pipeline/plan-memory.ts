import { OutOfMemoryError } from "@latentkit/core";
import { type ControlNetwork, networksOf } from "../adapters/control/loaded-controls.ts";
import { ofField } from "../adapters/of-field.ts";
import { memoryHere, ownMemory, sayBytes } from "../engine/memory.ts";
import { turnOf } from "../engine/turn-of.ts";
import { familyOf } from "../families/families.ts";
import type { FamilyEngine, FamilyJob, NetworkChoice } from "../families/family.ts";
import { engineBytes, mostWhole } from "../families/shared/vae-memory.ts";
import type { BuiltModel } from "../graph/graph-builder.ts";
import { memoryOf } from "../graph/memory-of.ts";
import { buildNetwork, networkOf } from "../models/build-network.ts";
import type { Model } from "../models/model.ts";
import type { NetworkGraph } from "../networks/network-graph.ts";

/** A network's memory in a job, in bytes. */
export interface PlannedNetwork {
  /** Its name in its family, such as `"textEncoder"`, `"transformer"`, `"vaeDecoder"`. */
  readonly network: string;
  /** Which part's weights it has. */
  readonly part: string;
  /** Values between its layers, and weights that are made ready while they are used. */
  readonly between: number;
  /** Weights that are laid out anew, in memory of their own. */
  readonly packed: number;
  /** What it is given in a run: more than is worth reckoning only where another network made it keys and values. */
  readonly given: number;
  /** Weights that are looked at in their files: the system gives their memory to others where it is short, and reads them again. */
  readonly mapped: number;
}

/** How a job's work is laid into the memory that there is. */
export interface MemoryPlan {
  readonly width: number;
  readonly height: number;
  /** In the order in which they have their turn. */
  readonly networks: readonly PlannedNetwork[];
  /** Whether all networks stay loaded between jobs; where not, each is released after its turn. */
  readonly keeps: boolean;
  /** Whether weights of integer products are laid out for them; where not, they stay in their file, and products are two to three times as slow. */
  readonly packs: boolean;
  /** Whether pictures are decoded in stripes, or in bands of rows. */
  readonly striped: boolean;
  /** Most memory of the engine's own at any time, beside the files that it maps. */
  readonly peak: number;
  /** Most bytes of files that are in use at a time. */
  readonly mapped: number;
  /** Most memory that the engine may have. */
  readonly limit: number;
}

/** What a plan depends on beside the model and the job. */
export interface PlanOptions {
  /** Most memory of the engine's own. Default: the machine's. */
  maxMemory?: number | undefined;
  /** What is free now, of which plans without a `maxMemory` take no more than there is. */
  free?: number;
  /** Whether products of 8 bits are fast here. */
  integers?: () => Promise<boolean>;
  /** A network's graph, where it has been built before. */
  graphOf?: (choice: NetworkChoice) => Promise<NetworkGraph>;
  /** The graph of a network of other files, where it has been built before. */
  besideGraph?: (network: ControlNetwork) => Promise<NetworkGraph>;
  /** A choice of network as it is loaded. */
  chosen?: (choice: NetworkChoice) => NetworkChoice;
}

/** What the engine takes with its graphs, before any run. */
const startBytes = engineBytes + 100e6;

/** Runtimes grow their memory in steps: what they hold of what they need, measured. */
const held = 1.5;

/**
 * How a job fits the memory that there is. Reads headers alone.
 *
 * @throws OutOfMemoryError where it does not, saying which size would.
 */
export async function planMemory(model: Model, job: FamilyJob, options: PlanOptions = {}): Promise<MemoryPlan> {
  const { maxMemory, chosen = (choice) => choice, free = process.availableMemory() + ownMemory() } = options;
  const { graphOf = (choice) => buildNetwork(model, choice, undefined, options.integers) } = options;
  const engine = (await familyOf(model).engine()) as FamilyEngine;
  const graphs: PlannedGraph[] = [];
  for (const choice of engine.needs(job, model).map(chosen)) {
    const network = networkOf(choice);
    const { built } = await graphOf(choice);
    graphs.push({ network, part: engine.networks[network]!.part, built });
  }
  graphs.push(...(await controlGraphs(job, model, options.besideGraph)));
  const limit = maxMemory ?? memoryHere();
  const target = maxMemory ?? Math.min(limit, free);
  const at = (width: number, height: number) => {
    const sized = sizedJob(job, model, width, height);
    const networks = graphs.map(({ network, part, built }): PlannedNetwork => {
      // What looks at a control picture sees its pixels.
      const pixels = network === "controlHint" ? { height, width } : {};
      const own =
        built === undefined
          ? { between: 0, packed: 0, mapped: 0, given: 0 }
          : memoryOf(built, { ...sizesOf(sized, model, seesApart(built)), ...pixels });
      return { network, part, ...own, between: own.between * held };
    });
    return { networks, vae: vaeOf(engine, model, sized) };
  };
  const { width, height } = job.settings;
  const found = at(width, height);
  const fitting = ways(found, maxMemory).find(({ peak }) => peak <= target) ?? ways(found, maxMemory).at(-1)!;
  if (fitting.peak > limit) {
    const least = (side: number) => ways(at(side, side), maxMemory).at(-1)!.peak;
    throw tooLarge(job, model, { needed: fitting.peak, limit, maxMemory, least });
  }
  const mapped = atATime(found.networks, (each) => each.mapped + (fitting.packs ? 0 : each.packed));
  return { width, height, mapped, limit, ...fitting };
}

/** A network's graph, before its sizes are known. */
interface PlannedGraph {
  network: string;
  part: string;
  built: BuiltModel | undefined;
}

const controlPart = "controlNet";

/** The networks of a job's controls, each once. @throws InvalidRequestError naming the field whose file does not fit. */
async function controlGraphs(
  { inputs: { controls = [] } }: FamilyJob,
  model: Model,
  graphOf = (network: ControlNetwork) => network.graph({}),
): Promise<PlannedGraph[]> {
  const graphs = new Map<string, PlannedGraph>();
  for (const input of controls)
    for (const network of await networksOf(input, model)) {
      if (graphs.has(network.key)) continue;
      const { built } = await ofField(`${input.field}.model`, graphOf(network));
      graphs.set(network.key, {
        network: network.role === "look" ? "controlHint" : "controlNet",
        part: controlPart,
        built,
      });
    }
  return [...graphs.values()];
}

/** The most that networks which take turns have: each alone, but for controls, which are there with what they steer. */
function atATime(networks: readonly PlannedNetwork[], of: (network: PlannedNetwork) => number): number {
  const beside = networks.filter(({ part }) => part === controlPart).reduce((sum, each) => sum + of(each), 0);
  const all = networks.filter(({ part }) => part !== controlPart);
  return Math.max(0, ...all.map((each) => of(each) + (turnOf(each) === "denoise" ? beside : 0)));
}

interface Sized {
  networks: readonly PlannedNetwork[];
  vae: ReturnType<typeof vaeOf>;
}

type Way = Pick<MemoryPlan, "networks" | "keeps" | "packs" | "striped" | "peak">;

/** All ways of doing it, those that are faster first. */
function ways({ networks, vae }: Sized, maxMemory: number | undefined): Way[] {
  const isWhole = vae !== undefined && (maxMemory !== undefined || vae.whole <= mostWhole);
  const packed = networks.some((each) => each.packed > 0);
  return [true, false].flatMap((packs) =>
    (packs || packed ? [true, false] : []).flatMap((keeps) =>
      (isWhole && vae.least < vae.whole ? [false, true] : [vae !== undefined && !isWhole]).map((striped): Way => {
        const own = networks.map((each): PlannedNetwork => {
          const isVae = vae?.networks.includes(each.network) === true;
          const between = isVae && vae ? (striped ? vae.least : vae.whole) : each.between;
          return packs ? { ...each, between } : { ...each, between, packed: 0, mapped: each.mapped + each.packed };
        });
        // Where all stay, what one is given is counted with the one that made it.
        const bytesOf = ({ between, packed: laidOut, given }: PlannedNetwork) =>
          between + laidOut + (keeps ? 0 : given);
        const peak = startBytes + (keeps ? own.reduce((sum, each) => sum + bytesOf(each), 0) : atATime(own, bytesOf));
        return { networks: own, keeps, packs, striped, peak };
      }),
    ),
  );
}

/** What the VAE's networks take, where it can tell. */
function vaeOf(engine: FamilyEngine, model: Model, { dims, inputs }: FamilyJob) {
  const shown = inputs.image ?? inputs.references ?? (model.parts.transformer && inputs.controls?.[0]);
  const halves = shown === undefined ? ["decoder"] : ["encoder", "decoder"];
  const each = halves.map((half) => engine.codec.memory?.({ model }, dims, half as "encoder" | "decoder"));
  if (each.some((memory) => memory === undefined)) return undefined;
  const most = (of: "whole" | "least") => Math.max(...each.map((memory) => memory![of]));
  return { networks: ["vaeEncoder", "vaeDecoder"], whole: most("whole"), least: most("least") };
}

function sizedJob(job: FamilyJob, { traits }: Model, width: number, height: number): FamilyJob {
  const dims = [traits.latentChannels, height / traits.scale, width / traits.scale] as const;
  return { ...job, dims, settings: { ...job.settings, width, height } };
}

/** Whether a network is shown reference pictures apart from the picture, and not among its tokens. */
function seesApart({ inputs }: BuiltModel): boolean {
  return inputs.some(({ dims }) => dims.includes("reference_tokens"));
}

/** The free sizes of networks' inputs, by the names that all networks call them. */
function sizesOf(
  { dims, guided, settings, inputs, request, steering }: FamilyJob,
  { traits }: Model,
  apart: boolean,
): Record<string, number> {
  const { multipleOf, tokenizers, scale } = traits;
  const longest = Math.max(0, ...steering.groups.flatMap(({ texts }) => texts.map((each) => Buffer.byteLength(each))));
  // No text has more tokens than bytes.
  const texts = Object.values(tokenizers).map(({ maxPositions, reserved = 2, unfilled }) =>
    unfilled ? Math.min(maxPositions, longest + reserved) : maxPositions,
  );
  const text = Math.max(1, ...texts);
  const patch = traits.patchSize ?? Math.max(1, multipleOf / scale);
  // FLUX.2 is shown a picture that it paints a part of anew as a reference, too.
  const shown = [
    ...(inputs.references ?? []),
    ...(traits.showsInpainted && request.task === "inpaint" ? [settings] : []),
  ];
  const areaOf = (pictures: readonly { width: number; height: number }[] = []) =>
    pictures.reduce((sum, { width, height }) => sum + width * height, 0);
  const seenSide = traits.references?.seen?.multipleOf ?? 1;
  const [picture, references] = [(dims[1] * dims[2]) / patch ** 2, areaOf(shown) / (patch * scale) ** 2];
  return {
    batch: guided ? 2 : 1,
    tokens: text + areaOf(inputs.seen) / seenSide ** 2,
    // Four of them are one token.
    patches: 4 * Math.max(0, ...(inputs.seen ?? []).map((each) => areaOf([each]) / seenSide ** 2)),
    text_tokens: text,
    image_tokens: Math.ceil(picture + (apart ? 0 : references)),
    reference_tokens: Math.ceil(references),
    // Of transformers whose words and reference pictures are a sequence before the picture.
    picture_tokens: picture,
    before: text + references,
    height: dims[1],
    width: dims[2],
    image_height: Math.max(settings.height, ...shown.map(({ height }) => height)),
    image_width: Math.max(settings.width, ...shown.map(({ width }) => width)),
    timesteps: 1,
    ids: 6,
    pooled: 1280,
  };
}

interface Excess {
  needed: number;
  limit: number;
  maxMemory: number | undefined;
  /** What a square picture takes at the least. */
  least(side: number): number;
}

function tooLarge({ settings }: FamilyJob, { traits }: Model, { needed, limit, maxMemory, least }: Excess) {
  const { width, height } = settings;
  const { multipleOf, minSide } = traits;
  let [low, high] = [Math.ceil(minSide / multipleOf) - 1, Math.floor(Math.max(width, height) / multipleOf)];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (least(middle * multipleOf) <= limit) low = middle;
    else high = middle - 1;
  }
  const side = low * multipleOf >= minSide ? low * multipleOf : 0;
  const fits = side > 0 ? `${side}×${side} would fit` : "no size fits";
  const has = maxMemory === undefined ? `this machine has ${sayBytes(limit)}` : `maxMemory is ${sayBytes(limit)}`;
  return new OutOfMemoryError(
    `A picture of ${width}×${height} takes at least ${sayBytes(needed)}, and ${has}; ${fits}.`,
    { backend: "local", retryable: false, details: { needed, limit, largestSide: side } },
  );
}
