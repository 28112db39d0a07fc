import { NotFoundError } from "@latentkit/core";
import { DeploymentSchema, ModelSchema, VersionSchema } from "../api/model.ts";
import type { ReplicateHttp } from "../http/replicate-http.ts";
import { backendId } from "../replicate-error.ts";
import { readModelSchema } from "./input-schema.ts";
import { type ModelRef, parseModelRef } from "./model-ref.ts";
import type { ResolvedModel } from "./resolved-model.ts";

interface Entry {
  model: Promise<ResolvedModel>;
  until: number;
}

/** What is known of models. A version never changes; the newest version of a name is looked up anew after a while. */
export class ModelCatalog {
  readonly #http: ReplicateHttp;
  readonly #cacheMs: number;
  readonly #entries = new Map<string, Entry>();

  constructor(http: ReplicateHttp, cacheMs: number) {
    this.#http = http;
    this.#cacheMs = cacheMs;
  }

  /** @throws InvalidRequestError for a malformed reference, NotFoundError for a model that does not exist. */
  get(model: string): Promise<ResolvedModel> {
    const known = this.#entries.get(model);
    if (known !== undefined && known.until > Date.now()) return known.model;
    const ref = parseModelRef(model);
    const loading = this.#load(ref).catch((error: unknown) => {
      this.#entries.delete(model);
      throw NotFoundError.isInstance(error) ? unknownModel(model, error) : error;
    });
    const pinned = ref.kind === "version";
    this.#entries.set(model, { model: loading, until: pinned ? Number.POSITIVE_INFINITY : Date.now() + this.#cacheMs });
    return loading;
  }

  async #load(ref: ModelRef): Promise<ResolvedModel> {
    if (ref.kind === "model") return this.#loadModel(ref.owner, ref.name);
    if (ref.kind === "deployment") return this.#loadDeployment(ref.owner, ref.name);
    return this.#loadVersion(ref.owner, ref.name, ref.version);
  }

  async #loadModel(owner: string, name: string): Promise<ResolvedModel> {
    const model = await this.#http.call({ method: "GET", path: `/models/${owner}/${name}`, schema: ModelSchema });
    const latest = model.latest_version;
    const id = `${owner}/${name}`;
    const byName = model.is_official === true || latest == null;
    const schema = readModelSchema(latest?.openapi_schema, id);
    // An official model changes behind its name, and its versions cannot be run by id.
    if (byName)
      return {
        ref: id,
        owner,
        name,
        identity: { id },
        schema,
        create: { path: `/models/${owner}/${name}/predictions` },
      };
    return this.#versioned(owner, name, latest.id, schema);
  }

  async #loadVersion(owner: string, name: string, version: string): Promise<ResolvedModel> {
    const path = `/models/${owner}/${name}/versions/${version}`;
    const { openapi_schema } = await this.#http.call({ method: "GET", path, schema: VersionSchema });
    return this.#versioned(owner, name, version, readModelSchema(openapi_schema, `${owner}/${name}:${version}`));
  }

  async #loadDeployment(owner: string, name: string): Promise<ResolvedModel> {
    const path = `/deployments/${owner}/${name}`;
    const { current_release: release } = await this.#http.call({ method: "GET", path, schema: DeploymentSchema });
    const [modelOwner = "", modelName = ""] = release.model.split("/");
    const model = await this.#loadVersion(modelOwner, modelName, release.version);
    return { ...model, ref: `deployments/${owner}/${name}`, create: { path: `${path}/predictions` } };
  }

  #versioned(owner: string, name: string, version: string, schema: ResolvedModel["schema"]): ResolvedModel {
    const id = `${owner}/${name}:${version}`;
    return {
      ref: id,
      owner,
      name,
      identity: { id, hash: `replicate:${version}` },
      schema,
      create: { path: "/predictions", version },
    };
  }
}

function unknownModel(model: string, cause: NotFoundError): NotFoundError {
  return new NotFoundError(
    `There is no model "${model}" on Replicate, or this token may not see it. Names are at replicate.com/explore.`,
    { cause, backend: backendId, details: { ...cause.details, model } },
  );
}
