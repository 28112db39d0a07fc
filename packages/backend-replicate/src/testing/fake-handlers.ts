import { HttpResponse, http, type RequestHandler } from "msw";
import * as z from "zod";
import { FileSchema } from "../api/file.ts";
import { DeploymentSchema, ModelSchema, VersionSchema } from "../api/model.ts";
import { PredictionCreateSchema, PredictionSchema } from "../api/prediction.ts";
import { missingInputs } from "../model/check-input.ts";
import { readModelSchema } from "../model/input-schema.ts";
import { json, problem } from "./fake-answer.ts";
import type { FakePrediction } from "./fake-prediction.ts";
import type { FakeState } from "./fake-state.ts";
import { trainingHandlers } from "./fake-trainings.ts";

/** Replicate's API as msw handlers; every answer is held against the schema of what Replicate answers. */
export function replicateHandlers(state: FakeState): RequestHandler[] {
  const at = (path: string) => `*/v1${path}`;
  const authorised = (request: Request): boolean => request.headers.get("authorization") === `Bearer ${state.token}`;
  const guarded =
    <P>(answer: (request: Request, params: P) => Response | Promise<Response>) =>
    ({ request, params }: { request: Request; params: P }) =>
      authorised(request) ? answer(request, params) : problem(401, "You did not pass a valid authentication token");
  type Params = Record<string, string>;

  const create = async (request: Request, name: string, version: string | undefined): Promise<Response> => {
    const text = await request.text();
    // A seed of 64 bits must not lose digits.
    const body = PredictionCreateSchema.safeParse(JSON.parse(text.replace(/"seed":(\d{16,})/, '"seed":"$1"')));
    if (!body.success)
      return problem(422, body.error.issues.map(({ path, message }) => `- ${path.join(".")}: ${message}`).join("\n"));
    const model = state.models[name];
    if (model === undefined || (version !== undefined && model.version !== version))
      return problem(404, "The requested resource could not be found.");
    const schema = readModelSchema(model.openapi_schema, name);
    const [missing] = missingInputs(body.data.input, schema);
    const unknown = Object.keys(body.data.input).find((input) => !schema.inputs.has(input));
    if (missing !== undefined || unknown !== undefined)
      return problem(
        422,
        `- input.${unknown ?? "prompt"}: ${unknown === undefined ? "is required" : "is not allowed"}\n`,
      );
    const { webhook, webhook_events_filter: events } = body.data;
    if (webhook !== undefined) state.webhooks.push({ webhook, events });
    return json(
      PredictionSchema,
      state.create(name, model.official ? "hidden" : model.version, body.data.input).state(),
      201,
    );
  };
  const prediction = (id: string, answer: (found: FakePrediction) => Response): Response => {
    const found = state.predictions.get(id);
    return found === undefined ? problem(404, "Prediction not found.") : answer(found);
  };

  return [
    http.get(
      at("/models/:owner/:name"),
      guarded((_request, { owner, name }: Params) => {
        const model = state.models[`${owner}/${name}`];
        if (model === undefined) return problem(404, "The requested resource could not be found.");
        const latest_version = { id: model.version, openapi_schema: model.openapi_schema };
        return json(ModelSchema, { owner, name, visibility: "public", is_official: model.official, latest_version });
      }) as never,
    ),
    http.get(
      at("/models/:owner/:name/versions/:version"),
      guarded((_request, { owner, name, version }: Params) => {
        const model = state.models[`${owner}/${name}`];
        if (model?.version !== version) return problem(404, "The requested resource could not be found.");
        return json(VersionSchema, { id: model?.version, openapi_schema: model?.openapi_schema });
      }) as never,
    ),
    http.get(
      at("/deployments/:owner/:name"),
      guarded((_request, { owner, name }: Params) =>
        json(DeploymentSchema, {
          owner,
          name,
          current_release: { model: "acme/painter", version: state.models["acme/painter"]?.version },
        }),
      ) as never,
    ),
    http.get(
      at("/predictions"),
      guarded((request) => {
        const from = Number(new URL(request.url).searchParams.get("cursor") ?? 0);
        const all = [...state.predictions.values()].reverse();
        const next = all.length > from + 3 ? `https://elsewhere.example/v1/predictions?cursor=${from + 3}` : null;
        const results = all.slice(from, from + 3).map((found) => found.state());
        return json(z.object({ results: z.array(PredictionSchema) }), { previous: null, next, results });
      }) as never,
    ),
    http.post(
      at("/predictions"),
      guarded(async (request) => {
        const { version = "" } = (await request.clone().json()) as { version?: string };
        const [name = "", id] = version.split(":");
        return create(request, name, id);
      }) as never,
    ),
    http.post(
      at("/models/:owner/:name/predictions"),
      guarded((request, { owner, name }: Params) => create(request, `${owner}/${name}`, undefined)) as never,
    ),
    http.post(
      at("/deployments/:owner/:name/predictions"),
      guarded((request) => create(request, "acme/painter", undefined)) as never,
    ),
    http.get(
      at("/predictions/:id"),
      guarded((_request, { id = "" }: Params) =>
        prediction(id, (found) => {
          found.polls++;
          return json(PredictionSchema, found.state());
        }),
      ) as never,
    ),
    http.post(
      at("/predictions/:id/cancel"),
      guarded((_request, { id = "" }: Params) =>
        prediction(id, (found) => {
          if (!found.over) state.cancelled++;
          found.cancel();
          return json(PredictionSchema, found.state());
        }),
      ) as never,
    ),
    http.post(
      at("/files"),
      guarded(async (request) => {
        const content = (await request.formData()).get("content");
        if (!(content instanceof Blob)) return problem(422, "- content: is required");
        const id = `file${state.files.size + 1}`;
        const bytes = new Uint8Array(await content.arrayBuffer());
        state.files.set(id, { bytes, type: content.type, name: (content as File).name });
        return json(
          FileSchema,
          { id, size: bytes.length, content_type: content.type, urls: { get: `${state.apiUrl}/files/${id}` } },
          201,
        );
      }) as never,
    ),
    http.delete(
      at("/files/:id"),
      guarded((_request, { id = "" }: Params) => {
        if (!state.files.has(id)) return problem(404, "File not found.");
        state.removedFiles.push(id);
        return new HttpResponse(null, { status: 204 });
      }) as never,
    ),
    ...trainingHandlers(state, at, guarded as never),
    http.get(
      at("/webhooks/default/secret"),
      guarded(() => HttpResponse.json({ key: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD" })) as never,
    ),
  ];
}
