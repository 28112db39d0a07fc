import type { Kind } from "./kind.ts";
import { answers } from "./kinds/answers.ts";
import { http } from "./kinds/http.ts";
import { cancels, models } from "./kinds/models.ts";
import { pictures, pngChunks } from "./kinds/pictures.ts";
import { recipes, requests } from "./kinds/requests.ts";
import { webhooks } from "./kinds/webhooks.ts";
import { workflows } from "./kinds/workflows.ts";

/** Every kind of trial, and how many the tests run of it. */
export const kinds: Readonly<Record<string, { make: () => Promise<Kind>; inTests: number }>> = {
  requests: { make: requests, inTests: 300 },
  recipes: { make: recipes, inTests: 150 },
  pictures: { make: pictures, inTests: 150 },
  "png-chunks": { make: pngChunks, inTests: 100 },
  models: { make: models, inTests: 25 },
  workflows: { make: workflows, inTests: 150 },
  webhooks: { make: webhooks, inTests: 100 },
  http: { make: http, inTests: 12 },
  answers: { make: answers, inTests: 12 },
  cancels: { make: cancels, inTests: 8 },
};
