import { blendModule } from "./blend-kernels.ts";
import { type WebAssemblyModule, webAssembly } from "./web-assembly.ts";
import { Workspace } from "./workspace.ts";

/** Below this many values a plain loop is as fast, and gives the same bits. */
export const LEAST = 1024;
/** Above this many (a gigabyte for a run), latents stay in arrays of their own. */
const MOST = 1 << 24;

/** Undefined until the first use, so that importing does nothing; null where there is no WebAssembly, or not allowed, or without vectors. */
let module: WebAssemblyModule | null | undefined;
/** For arrays that all lie outside. */
let outside: Workspace | undefined;
/** The last run's, for the next; a weak one, so that nothing is kept for a run that doesn't come. */
let idle: WeakRef<Workspace> | undefined;
const owners = new WeakMap<ArrayBufferLike, Workspace>();

/** Room for a run's latents of `length` values, until it is handed to {@link releaseWorkspace}; nothing where arrays do. */
export function takeWorkspace(length: number): Workspace | undefined {
  if (length < LEAST || length > MOST) return undefined;
  const last = idle?.deref();
  if (last?.begin(length)) {
    idle = undefined;
    return last;
  }
  const made = make(length);
  made?.begin(length);
  return made;
}

/** Gives a run's room back: nobody may look at its latents any more. */
export function releaseWorkspace(workspace: Workspace): void {
  idle = new WeakRef(workspace);
}

/** The workspace that an array lies in, if it lies in one. */
export function ownerOf(array: Float32Array): Workspace | undefined {
  return owners.get(array.buffer);
}

/** An array for another latent like `x`, of no particular values: in its workspace if it has one. */
export function latentLike(x: Float32Array): Float32Array {
  return ownerOf(x)?.latent() ?? new Float32Array(x.length);
}

/** Hands out `count` arrays like {@link latentLike}'s in turn: each is the caller's until as many others were handed out. */
export function placesLike(x: Float32Array, count: number): () => Float32Array {
  const places: Float32Array[] = [];
  let next = 0;
  return () => {
    const place = places[next] ?? latentLike(x);
    places[next] = place;
    next = (next + 1) % count;
    return place;
  };
}

/** The kernels for `out` and `terms`: those of the workspace that one of them lies in. Undefined where a plain loop has to do. */
export function workspaceFor(out: Float32Array, terms: readonly Float32Array[]): Workspace | undefined {
  if (out.length < LEAST) return undefined;
  const owner = ownerOf(out);
  if (owner) return owner;
  for (const term of terms) {
    const other = ownerOf(term);
    if (other) return other;
  }
  outside ??= make(0);
  return outside;
}

function make(length: number): Workspace | undefined {
  if (module === null) return undefined;
  try {
    module ??= new (webAssembly().Module)(blendModule());
    const made = new Workspace(module, length);
    owners.set(made.buffer, made);
    return made;
  } catch {
    // A page's content security policy, an engine without vectors, an address space too small: not worth a second try.
    module = null;
    return undefined;
  }
}
