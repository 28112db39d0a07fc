import type { InferenceSession } from "onnxruntime-node";

/** What the session options depend on. */
export interface SessionNeeds {
  /** Folder that external data is relative to. */
  root: string;
  /** Whether weights are stored in half precision and cast in the graph. */
  casts: boolean;
  /** Whether weights of integer products are laid out once, in own memory of their size, rather than in each run. */
  packs?: boolean;
}

/** Constant folding would hold all weights at once; the fusion of reshapes fails where the second's shape is computed, as after integer products. */
const withheld = ["ConstantFolding", "ReshapeFusion"];

/**
 * Session options that keep weights mapped from their file instead of copied: no prepacking, no memory pattern, and no
 * constant folding of casts (which would hold every half-precision weight in float32 at once).
 */
export function sessionOptions({ root, casts, packs = false }: SessionNeeds): InferenceSession.SessionOptions {
  return {
    graphOptimizationLevel: "extended",
    enableMemPattern: false,
    enableCpuMemArena: true,
    extra: {
      session: {
        disable_prepacking: packs ? "0" : "1",
        model_external_initializers_file_folder_path: root,
        // Idle threads wait awake for as long as it takes to get from one operator to the next, and then sleep: spinning
        // on, as is the default, doubles the CPU time and makes a busy machine two to five times slower.
        intra_op: { spin_duration_us: "50" },
      },
      ...(casts || packs ? { optimization: { disable_specified_optimizers: withheld.join(";") } } : {}),
    },
  };
}
