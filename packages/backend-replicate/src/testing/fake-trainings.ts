import { randomUUID } from "node:crypto";
import { http, type RequestHandler } from "msw";
import { ModelSchema } from "../api/model.ts";
import { TrainingCreateSchema, TrainingSchema } from "../api/training.ts";
import { json, problem } from "./fake-answer.ts";
import { FakePrediction } from "./fake-prediction.ts";
import type { FakeState } from "./fake-state.ts";

type Params = Record<string, string>;
type Guard = (answer: (request: Request, params: Params) => Response | Promise<Response>) => never;

/** Trainings as msw handlers. A training that succeeds gives its destination a version that paints as acme/painter does. */
export function trainingHandlers(state: FakeState, at: (path: string) => string, guarded: Guard): RequestHandler[] {
  const told = (training: FakePrediction) => {
    const { output: _, ...plain } = training.state();
    const succeeded = plain.status === "succeeded";
    const version = `${training.model}:${"e".repeat(64)}`;
    if (succeeded) state.models[training.model] = { ...state.models["acme/painter"]!, version: "e".repeat(64) };
    return { ...plain, output: succeeded ? { version, weights: `${state.deliveryUrl}/weights.tar` } : null };
  };
  const training = (id: string, answer: (found: FakePrediction) => Response): Response => {
    const found = state.trainings.get(id);
    return found === undefined ? problem(404, "Training not found.") : answer(found);
  };
  return [
    http.post(
      at("/models/:owner/:name/versions/:version/trainings"),
      guarded(async (request, { owner, name, version }) => {
        if (state.models[`${owner}/${name}`]?.version !== version) return problem(404, "No such trainer.");
        const body = TrainingCreateSchema.safeParse(await request.json());
        if (!body.success) return problem(422, "- destination: is required");
        const { destination, input } = body.data;
        if (state.models[destination] === undefined)
          return problem(404, "The specified training destination does not exist");
        const id = randomUUID();
        const fails = input.trigger_word === "FAIL";
        const script = {
          queueMs: 5,
          stepMs: 5,
          steps: Number(input.steps ?? 4),
          streamed: false,
          outputs: () => undefined,
        };
        const urls = { get: "", cancel: "", web: "" };
        const end = fails ? ("failed" as const) : ("succeeded" as const);
        state.trainings.set(
          id,
          new FakePrediction({
            id,
            input,
            model: destination,
            version: version ?? "",
            script: { ...script, end, error: "the zip holds no pictures" },
            urls,
          }),
        );
        return json(TrainingSchema, told(state.trainings.get(id)!), 201);
      }),
    ),
    http.get(
      at("/trainings/:id"),
      guarded((_request, { id = "" }) => training(id, (found) => json(TrainingSchema, told(found)))),
    ),
    http.post(
      at("/trainings/:id/cancel"),
      guarded((_request, { id = "" }) =>
        training(id, (found) => {
          found.cancel();
          return json(TrainingSchema, told(found));
        }),
      ),
    ),
    http.post(
      at("/models"),
      guarded(async (request) => {
        const { owner, name } = (await request.json()) as { owner: string; name: string };
        state.models[`${owner}/${name}`] = { official: false, version: "", openapi_schema: {} };
        return json(ModelSchema, { owner, name }, 201);
      }),
    ),
  ];
}
