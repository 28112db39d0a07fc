import { ownerOf, releaseWorkspace, takeWorkspace } from "./kernels/workspaces.ts";
import type { SamplerStep } from "./sampler.ts";

/**
 * Runs a sampler with its latents in a workspace of the kernels, where nothing is copied to reach them. The room is used again by the next
 * run, so what the steps show of it lies in arrays of its own: `x` and `denoised` are copied when they are first looked at, and `x`
 * from then on before and after each step, so that it stays a view of the live latent, both ways. A run nobody looks into copies
 * nothing, and its last `x` outlives it.
 */
export async function* inWorkspace(
  x: Float32Array,
  run: (x: Float32Array) => AsyncGenerator<SamplerStep, void, void>,
): AsyncGenerator<SamplerStep, void, void> {
  const workspace = takeWorkspace(x.length);
  const start = workspace?.latent();
  if (!workspace || !start) {
    yield* run(x);
    return;
  }
  start.set(x);
  const shown = new Shown();
  try {
    for await (const step of run(start)) {
      yield shown.show(step);
      shown.takeBack();
    }
  } finally {
    shown.end();
    releaseWorkspace(workspace);
  }
}

/** The steps' latents as the caller sees them. */
class Shown {
  #step: SamplerStep | undefined;
  #x: Float32Array | undefined;
  #denoised: Float32Array | undefined;
  /** The step that it is of. */
  #copied: SamplerStep | undefined;
  #copy: Float32Array | undefined;

  show(live: SamplerStep): SamplerStep {
    this.#step = live;
    this.#x?.set(live.x);
    const { step, steps, sigma, sigmaNext } = live;
    const [x, denoised] = [() => this.#lookAtX(), () => this.#lookAtDenoised()];
    return {
      step,
      steps,
      sigma,
      sigmaNext,
      get x() {
        return x();
      },
      get denoised() {
        return denoised();
      },
    };
  }

  /** What the caller wrote to x is what the next step starts from. */
  takeBack(): void {
    if (this.#x) this.#step?.x.set(this.#x);
  }

  /** Looks at what the caller may still look at. */
  end(): void {
    if (!this.#step) return;
    this.#lookAtX();
    this.#lookAtDenoised();
    this.#step = undefined;
    // A step that is kept mustn't keep the workspace.
    this.#copied = undefined;
  }

  #lookAtX(): Float32Array {
    this.#x ??= this.#step!.x.slice();
    return this.#x;
  }

  #lookAtDenoised(): Float32Array {
    const live = this.#step;
    if (!live || this.#copied === live) return this.#denoised!;
    this.#copied = live;
    if (!ownerOf(live.denoised)) this.#denoised = live.denoised;
    else {
      this.#copy ??= new Float32Array(live.denoised.length);
      this.#copy.set(live.denoised);
      this.#denoised = this.#copy;
    }
    return this.#denoised;
  }
}
