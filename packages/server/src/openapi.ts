import { requestJsonSchema, version } from "@latentkit/core";

type Json = Record<string, unknown>;

const json = (schema: Json, description = "OK") => ({ description, content: { "application/json": { schema } } });
const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const failed = { description: "What was wrong", content: { "application/json": { schema: ref("Failure") } } };
const query = (name: string, description: string, schema: Json) => ({ name, in: "query", description, schema });
const inPath = (name: string, schema: Json = { type: "string" }) => ({ name, in: "path", required: true, schema });
const word = (...names: string[]) => ({ type: "string", enum: names });
const id = inPath("id");
const index = inPath("index", { type: "integer", minimum: 0 });
const stream = [
  query("images", "How finished pictures stand in the events", {
    ...word("url", "dataUrl", "payload", "none"),
    default: "url",
  }),
  query("previews", "How unfinished ones do", { ...word("dataUrl", "payload", "none"), default: "dataUrl" }),
  query("cancelOnLeave", "Whether a reader that goes away cancels the job", { type: "boolean", default: false }),
];
const wait = query("wait", "Answer when the job has ended", { type: "boolean", default: false });
const lastEventId = {
  name: "Last-Event-ID",
  in: "header",
  description: "Number of the last event that was seen",
  schema: { type: "integer" },
};
const file = {
  required: true,
  content: {
    "application/octet-stream": {},
    "multipart/form-data": { schema: { type: "object", properties: { file: { type: "string", format: "binary" } } } },
  },
};

/** The server's own API as an OpenAPI 3.1 document. */
export function openApiDocument(basePath = ""): Json {
  return {
    openapi: "3.1.0",
    info: { title: "LatentKit", version, license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
    servers: [{ url: basePath === "" ? "/" : basePath }],
    security: [{ bearer: [] }, { key: [] }, {}],
    paths: paths(),
    components: {
      schemas: schemas(),
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer" },
        key: { type: "apiKey", in: "header", name: "X-API-Key" },
      },
    },
  };
}

function paths(): Json {
  const get = (operationId: string, summary: string, ok: Json, parameters: Json[] = []) => ({
    operationId,
    summary,
    parameters,
    responses: { 200: ok, default: failed },
  });
  const events = {
    description: "Server-sent events: each of the job's under its type, then `done` or `error`",
    content: { "text/event-stream": { schema: { type: "string" } } },
  };
  const picture = {
    description: "The picture",
    content: Object.fromEntries(["image/png", "image/jpeg", "image/webp"].map((type) => [type, {}])),
  };
  const latent = { description: "A safetensors file", content: { "application/octet-stream": {} } };
  return {
    "/v1/jobs": {
      post: {
        operationId: "createJob",
        summary: "Begin a job from a request or a recipe",
        parameters: [
          {
            name: "Idempotency-Key",
            in: "header",
            description: "A repeated order of the same key finds the first one's job",
            schema: { type: "string", maxLength: 255 },
          },
          query("onUnsupported", "What to do with a field that the backend cannot honour", word("error", "warn")),
          query("timeoutMs", "Longest time for the job", { type: "integer", minimum: 1 }),
          query("timeoutFrom", "When that begins to count", word("call", "started")),
          wait,
          ...stream,
        ],
        requestBody: {
          required: true,
          content: {
            "application/json": { schema: { anyOf: [ref("GenerationRequest"), ref("Recipe")] } },
            "multipart/form-data": {
              schema: {
                type: "object",
                required: ["request"],
                properties: {
                  request: {
                    type: "string",
                    description: "The request as JSON; files are further fields: image, mask, latent",
                  },
                },
              },
            },
          },
        },
        responses: {
          200: { ...json(ref("Job"), "The job has ended, or its events where text/event-stream is accepted") },
          202: json(ref("Job"), "The job has been taken"),
          default: failed,
        },
      },
      get: get(
        "listJobs",
        "Your jobs",
        json({ type: "object", properties: { jobs: { type: "array", items: ref("Job") } } }),
      ),
    },
    "/v1/jobs/{id}": {
      get: get("getJob", "A job and its result", json(ref("Job")), [id, wait]),
      delete: {
        operationId: "deleteJob",
        summary: "Cancel a job and let go of its result",
        parameters: [id],
        responses: { 204: { description: "Gone" }, default: failed },
      },
    },
    "/v1/jobs/{id}/events": { get: get("followJob", "A job's events", events, [id, lastEventId, ...stream]) },
    "/v1/jobs/{id}/cancel": { post: get("cancelJob", "Stop the work", json(ref("Job")), [id]) },
    "/v1/jobs/{id}/recipe": { get: get("getRecipe", "What makes the job's pictures again", json(ref("Recipe")), [id]) },
    "/v1/jobs/{id}/images/{index}": {
      get: get("getImage", "A picture", picture, [
        id,
        index,
        query("format", "Another encoding", word("png", "jpeg", "webp")),
        query("quality", "Of JPEG and WebP", { type: "integer", minimum: 1, maximum: 100 }),
      ]),
    },
    "/v1/jobs/{id}/images/{index}/recipe": {
      get: get("getImageRecipe", "What makes this picture again", json(ref("Recipe")), [id, index]),
    },
    "/v1/jobs/{id}/images/{index}/latent": { get: get("getLatent", "What sampling left", latent, [id, index]) },
    "/v1/uploads": {
      post: {
        operationId: "upload",
        summary: "Send a file; its sha256 and size then stand for it in requests",
        requestBody: file,
        responses: { 201: json(ref("Upload")), default: failed },
      },
    },
    "/v1/uploads/{sha256}": {
      get: get("getUpload", "Whether a file is there", json(ref("Upload")), [inPath("sha256")]),
    },
    "/v1/recipes": {
      post: {
        operationId: "readRecipe",
        summary: "Read the recipe of a picture, of any tool",
        requestBody: file,
        responses: { 200: json({ type: "object", properties: { recipe: ref("Recipe") } }), default: failed },
      },
    },
    "/v1/capabilities": {
      get: get("getCapabilities", "What can be done with a model", json({ type: "object" }), [
        query("model", "Default: the backend's own", { type: "string" }),
      ]),
    },
  };
}

function schemas(): Json {
  const { $schema: _, $defs = {}, ...request } = requestJsonSchema() as Json & { $defs?: Json };
  const moved = JSON.parse(
    JSON.stringify({ ...$defs, GenerationRequest: request }).replaceAll("#/$defs/", "#/components/schemas/"),
  );
  return {
    ...moved,
    Recipe: {
      type: "object",
      required: ["latentkit", "version", "backend", "request"],
      properties: {
        latentkit: { const: "recipe" },
        version: { const: 1 },
        backend: { type: "string" },
        request: ref("GenerationRequest"),
        model: { type: "object" },
        versions: { type: "object", additionalProperties: { type: "string" } },
      },
    },
    Job: {
      type: "object",
      required: ["id", "status", "images"],
      properties: {
        id: { type: "string" },
        status: word("queued", "running", "completed", "failed", "cancelled"),
        position: { type: "integer", description: "Jobs ahead of this one" },
        progress: {
          type: "object",
          properties: {
            phase: { type: "string" },
            step: { type: "integer" },
            steps: { type: "integer" },
            fraction: { type: "number" },
            etaMs: { type: "number" },
          },
        },
        events: { type: "string", description: "Where its events are" },
        images: {
          type: "array",
          items: {
            type: "object",
            properties: {
              index: { type: "integer" },
              seed: {},
              width: { type: "integer" },
              height: { type: "integer" },
              mediaType: { type: "string" },
              url: { type: "string" },
              recipe: ref("Recipe"),
            },
          },
        },
        recipe: ref("Recipe"),
        warnings: { type: "array", items: { type: "object" } },
        failures: { type: "array", items: { type: "object" } },
        timings: { type: "object", additionalProperties: { type: "number" } },
        metrics: { type: "object" },
        error: ref("Error"),
      },
    },
    Upload: {
      type: "object",
      properties: {
        sha256: { type: "string" },
        size: { type: "integer" },
        mediaType: { type: "string" },
        width: { type: "integer" },
        height: { type: "integer" },
        expiresAt: { type: "string", format: "date-time" },
      },
    },
    Error: {
      type: "object",
      required: ["code", "message"],
      properties: {
        name: { type: "string" },
        code: { type: "string" },
        message: { type: "string" },
        retryable: { type: "boolean" },
        backend: { type: "string" },
        details: { type: "object" },
      },
    },
    Failure: { type: "object", properties: { error: ref("Error") } },
  };
}
