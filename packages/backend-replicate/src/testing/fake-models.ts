/** One input as Cog writes it into a schema. */
type Input = Record<string, unknown>;

/** The OpenAPI document that Cog makes of a model's inputs and output. Enums are schemas of their own, as in Cog's. */
export function openapi(inputs: Record<string, Input>, options: { required?: string[]; output?: unknown } = {}) {
  const schemas: Record<string, unknown> = {};
  const properties: Record<string, Input> = {};
  for (const [order, [name, { enum: allowed, ...input }]] of Object.entries(inputs).entries()) {
    if (allowed === undefined) {
      properties[name] = { title: name, "x-order": order, ...input };
      continue;
    }
    const type = typeof (allowed as unknown[])[0] === "number" ? "integer" : "string";
    schemas[name] = { type, title: name, description: "An enumeration.", enum: allowed };
    properties[name] = { allOf: [{ $ref: `#/components/schemas/${name}` }], "x-order": order, ...input };
  }
  const {
    required = ["prompt"],
    output = { type: "array", items: { type: "string", format: "uri" }, title: "Output" },
  } = options;
  return {
    openapi: "3.0.2",
    info: { title: "Cog", version: "0.1.0" },
    components: {
      schemas: { ...schemas, Input: { type: "object", title: "Input", required, properties }, Output: output },
    },
  };
}

/** A list of outputs that grows while the model runs. */
export const iteratorOutput = {
  type: "array",
  items: { type: "string", format: "uri" },
  title: "Output",
  "x-cog-array-type": "iterator",
};

const text = { type: "string" };
const file = { type: "string", format: "uri" };
const int = (minimum: number, maximum: number, value: number) => ({
  type: "integer",
  minimum,
  maximum,
  default: value,
});
const number = (minimum: number, maximum: number, value: number) => ({
  type: "number",
  minimum,
  maximum,
  default: value,
});

const common = {
  prompt: text,
  negative_prompt: { ...text, default: "" },
  width: int(16, 1024, 24),
  height: int(16, 1024, 16),
  num_inference_steps: int(1, 500, 4),
  guidance_scale: number(1, 50, 7.5),
  scheduler: { enum: ["DDIM", "KarrasDPM", "K_EULER", "K_EULER_ANCESTRAL"], default: "K_EULER" },
  seed: { type: "integer", nullable: true },
};

/** What the fake knows: a community model, an official one, and one that shows its picture in the making. */
export const fakeModels: Record<string, { official: boolean; version: string; openapi_schema: unknown }> = {
  "acme/painter": {
    official: false,
    version: "a".repeat(64),
    openapi_schema: openapi({
      ...common,
      image: file,
      mask: file,
      prompt_strength: number(0, 1, 0.8),
      num_outputs: int(1, 4, 1),
      lora_weights: text,
      lora_scale: number(-1, 3, 1),
      output_format: { enum: ["webp", "jpg", "png"], default: "webp" },
      output_quality: int(0, 100, 80),
    }),
  },
  "acme/official": {
    official: true,
    version: "b".repeat(64),
    openapi_schema: openapi({
      prompt: text,
      aspect_ratio: { enum: ["1:1", "16:9", "4:3"], default: "1:1" },
      num_inference_steps: int(1, 500, 4),
      seed: { type: "integer", maximum: 2147483647 },
    }),
  },
  "acme/trainer": {
    official: false,
    version: "d".repeat(64),
    openapi_schema: {
      components: {
        schemas: {
          TrainingInput: {
            required: ["input_images"],
            properties: {
              input_images: file,
              trigger_word: { ...text, default: "TOK" },
              steps: int(3, 6000, 1000),
              lora_rank: int(1, 128, 16),
            },
          },
        },
      },
    },
  },
  "acme/dreamer": {
    official: false,
    version: "c".repeat(64),
    openapi_schema: openapi({ ...common }, { output: iteratorOutput }),
  },
};
