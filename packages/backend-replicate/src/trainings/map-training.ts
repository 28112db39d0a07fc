import { type Issue, UnsupportedError } from "@latentkit/core";
import { checkOwnInput, checkValue, missingInputs } from "../model/check-input.ts";
import type { ModelSchema } from "../model/input-schema.ts";
import { backendId } from "../replicate-error.ts";
import type { ParsedTrainingOptions } from "./training-options.ts";

/** Names under which trainers take each setting. */
const names = {
  images: ["input_images", "dataset", "images", "train_data", "image_zip", "instance_data", "images_zip"],
  triggerWord: ["trigger_word", "token_string", "instance_token", "token", "trigger"],
  steps: ["steps", "max_train_steps", "training_steps", "num_train_steps"],
  learningRate: ["learning_rate", "unet_learning_rate", "lr"],
  rank: ["lora_rank", "rank", "network_dim"],
} as const;

/**
 * A training's inputs by the trainer's own schema; the pictures' place is named, to be filled after the upload.
 *
 * @throws UnsupportedError naming each field that the trainer does not take.
 */
export function mapTraining(options: ParsedTrainingOptions, schema: ModelSchema) {
  const issues: Issue[] = [];
  const input: Record<string, unknown> = {};
  const find = (role: keyof typeof names) =>
    names[role].map((name) => schema.inputs.get(name)).find((each) => each !== undefined);
  for (const role of ["triggerWord", "steps", "learningRate", "rank"] as const) {
    const value = options[role];
    if (value === undefined) continue;
    const property = find(role);
    const problem =
      property === undefined
        ? { message: "the trainer has no input for it: leave it out" }
        : checkValue(property, value);
    if (problem !== undefined) issues.push({ field: role, ...problem });
    else input[property!.name] = value;
  }
  const place = find("images")?.name;
  const given = options.images !== undefined || options.imagesUrl !== undefined;
  if (given && place === undefined)
    issues.push({ field: "images", message: "the trainer has no input for pictures that is known; use input" });
  const all = { ...input, ...options.input };
  issues.push(...checkOwnInput(options.input, schema).map((issue) => ({ ...issue, field: ownField(issue.field) })));
  const placed = given && place !== undefined ? { ...all, [place]: "" } : all;
  if (issues.length === 0)
    issues.push(...missingInputs(placed, schema).map((issue) => ({ ...issue, field: ownField(issue.field) })));
  if (issues.length > 0) throw new UnsupportedError(issues, { backend: backendId });
  return { input: all, place };
}

function ownField(field: string): string {
  return field.replace("backendOptions.replicate.input", "input");
}
