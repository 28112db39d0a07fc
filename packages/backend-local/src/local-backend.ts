import {
  type Backend,
  type CallOptions,
  type Capabilities,
  DisposedError,
  type GenerationEvent,
  type GenerationRequest,
} from "@latentkit/core";
import { readControls } from "./adapters/control/read-controls.ts";
import { type AdapterFolders, findAdapters } from "./adapters/find-adapters.ts";
import { readImagePrompts } from "./adapters/ip-adapter/read-image-prompts.ts";
import { ofField } from "./adapters/of-field.ts";
import { withFittingSize } from "./devices/fitting-size.ts";
import type { Engine, EngineOptions } from "./engine/engine.ts";
import { type EngineHold, shareEngine } from "./engine/shared-engine.ts";
import { unlessAborted } from "./engine/unless-aborted.ts";
import { familyOf } from "./families/families.ts";
import { invalidField } from "./invalid-field.ts";
import { capabilitiesOf } from "./local-capabilities.ts";
import { toGenerationEvent } from "./local-events.ts";
import { deviceSettings, type ResolvedLocalOptions } from "./local-options.ts";
import { checkOwnOptions } from "./local-own-options.ts";
import { expectationWarnings } from "./models/expectations.ts";
import type { Model } from "./models/model.ts";
import { ModelLibrary } from "./models/model-library.ts";
import { plainUpscalers, settleSecond } from "./pipeline/hires/second-request.ts";
import { readInputs } from "./pipeline/read-inputs.ts";
import { settle } from "./pipeline/settings.ts";

/** Runs diffusion models on this machine, in an engine process of its own. Made by {@link local}. */
export class LocalBackend implements Backend {
  readonly id = "local";
  readonly #options: EngineOptions;
  /** Taken when it is first needed: a backend that does nothing holds nothing. */
  #hold: EngineHold | undefined;
  readonly #models: ModelLibrary;
  readonly #folders: AdapterFolders;
  readonly #steering: Pick<ResolvedLocalOptions, "controlNets" | "ipAdapter" | "imageEncoder">;
  /** Aborted by dispose: what is not the engine's, such as a picture on its way, ends as well. */
  readonly #life = new AbortController();

  constructor(options: ResolvedLocalOptions) {
    const { threads, cacheModels, isolation, engineOutput, idleMs, stallMs, maxMemory } = options;
    this.#models = new ModelLibrary(options);
    this.#folders = options;
    this.#steering = options;
    this.#options = {
      settings: {
        ...deviceSettings(options),
        cacheModels,
        ...(threads === undefined ? {} : { threads }),
        ...(maxMemory === undefined ? {} : { maxMemory }),
      },
      isolation,
      output: engineOutput,
      idleMs,
      stallMs,
    };
  }

  /**
   * What can be done with a model folder, or with the default model. Reads configs and headers; starts nothing.
   *
   * @throws ModelError naming the file that is wrong.
   */
  async capabilities(model?: string): Promise<Capabilities> {
    return capabilitiesOf(await this.#models.find(model));
  }

  /**
   * Starts the engine and loads a model, so that the next generation begins at once.
   *
   * @throws ModelError, EngineError, DisposedError
   */
  async warmUp(model?: string, { signal = new AbortController().signal }: Partial<CallOptions> = {}): Promise<void> {
    this.#assertLive();
    const before = AbortSignal.any([signal, this.#life.signal]);
    const found = await unlessAborted(this.#models.find(model), before);
    await this.#engine().warmUp(found, before);
  }

  /**
   * Refuses what the model cannot do, reads the input pictures, and then takes its turn in the engine.
   *
   * @throws InvalidRequestError, ModelError and ImageError before any `queued` event.
   */
  async *generate(request: GenerationRequest, { signal, inputs: rules }: CallOptions): AsyncGenerator<GenerationEvent> {
    this.#assertLive();
    signal.throwIfAborted();
    const before = AbortSignal.any([signal, this.#life.signal]);
    const model = await unlessAborted(this.#models.find(request.model), before);
    checkOwnOptions(request, familyOf(model));
    settle(request, model);
    const adapted = await unlessAborted(findAdapters(request, this.#folders, model), before);
    const read = await unlessAborted(readInputs(adapted, model.traits, before, rules), before);
    const { request: sized, inputs, warnings = [] } = read;
    const settings = settle(sized, model);
    settleSecond(sized, settings, model);
    const { width, height } = settings;
    const upscaler = await unlessAborted(this.#upscaler(sized), before);
    const prompt = "prompt" in sized ? (sized.prompt ?? "") : "";
    const controls = await unlessAborted(
      readControls(sized, model, { controlNets: this.#steering.controlNets, width, height, signal: before, rules }),
      before,
    );
    const { ipAdapter, imageEncoder } = this.#steering;
    const imagePrompts = await unlessAborted(
      readImagePrompts(sized, model, { ipAdapter, imageEncoder, width, height, signal: before, rules }),
      before,
    );
    const doubts = [...warnings, ...(await expectationWarnings(model, { width, height, prompt }))];
    // Only now: a picture that is slow to come keeps no one else waiting.
    const engine = this.#engine();
    const turn = engine.queue();
    try {
      yield { type: "queued", position: turn.position };
      yield* doubts;
      for await (const position of turn.moves(before)) yield { type: "queued", position };
      for await (const event of engine.run(
        { request: sized, model, upscaler, inputs: { ...inputs, controls, imagePrompts } },
        turn,
        before,
      )) {
        yield toGenerationEvent(event);
      }
    } catch (error) {
      throw withFittingSize(error, { width, height, multipleOf: model.traits.multipleOf });
    } finally {
      turn.leave();
    }
  }

  /** Ends what this backend does, and the engine where no other backend of the same options uses it. */
  async dispose(): Promise<void> {
    this.#life.abort(new DisposedError("This local backend was disposed; make a new one.", { backend: "local" }));
    await this.#hold?.release();
  }

  /** The network that a second pass enlarges by. @throws InvalidRequestError */
  async #upscaler({ hires }: GenerationRequest): Promise<Model | undefined> {
    const name = hires?.upscaler;
    if (name === undefined || plainUpscalers.includes(name)) return undefined;
    const found = await ofField("hires.upscaler", this.#models.find(name));
    if (found.traits.atOnce) return found;
    const message = `${found.path} is a model of its own; must be ${plainUpscalers.join(", ")}, or an upscaling network's file`;
    throw invalidField("hires.upscaler", message);
  }

  #engine(): Engine {
    this.#hold ??= shareEngine(this.#options, this);
    return this.#hold.engine;
  }

  #assertLive(): void {
    this.#life.signal.throwIfAborted();
  }
}
