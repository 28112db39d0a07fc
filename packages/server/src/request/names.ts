import { type Backend, type GenerationRequest, type Issue, recipeTouches, UnsupportedError } from "@latentkit/core";
import type { NameTable, ResolvedOptions } from "../server-options.ts";

const kinds = ["models", "loras", "embeddings", "controls", "upscalers"] as const;
/** Kinds of names that a server has tables of. */
export type NameKind = (typeof kinds)[number];
type Tables = Record<NameKind, ReadonlyMap<string, string | null>>;

/**
 * The names that clients may use of models and their like. To a backend such a name may be a path: what is in no table is refused, unless
 * all of the backend's names are a server's.
 */
export class Names {
  readonly #tables: Tables;
  readonly #backend: Backend;
  /** Names by what the backend is given. */
  readonly #shown = new Map<string, string>();

  constructor(options: Pick<ResolvedOptions, NameKind>, backend: Backend) {
    this.#backend = backend;
    this.#tables = Object.fromEntries(kinds.map((kind) => [kind, tableOf(options[kind])])) as Tables;
    for (const table of Object.values(this.#tables))
      for (const [name, given] of table) if (given !== null && given !== name) this.#shown.set(given, name);
  }

  /** The names of a kind, for lists. */
  list(kind: NameKind): string[] {
    return [...this.#tables[kind].keys()];
  }

  /** What the backend knows a model as; undefined is its default. @throws UnsupportedError for a name that is not the server's. */
  async model(name: string | undefined): Promise<string | undefined> {
    if (name === undefined) return undefined;
    return (await this.resolve({ model: name } as GenerationRequest)).model;
  }

  /**
   * The request with what the backend is given in the place of each name.
   *
   * @throws UnsupportedError naming the field and the names that there are.
   */
  async resolve<R extends GenerationRequest>(request: R): Promise<R> {
    const issues: Issue[] = [];
    const ownModel = request.model === undefined ? undefined : await this.#ownModel();
    const take = (kind: NameKind, field: string, name: string): string | undefined => {
      const given = this.#tables[kind].get(name);
      if (given !== undefined) return given ?? undefined;
      if (this.#backend.modelsAreNames === true) return name;
      if (kind === "models" && (name === ownModel || name === this.toClient(ownModel ?? ""))) return undefined;
      const allowed = this.list(kind);
      const known = kind === "models" && ownModel !== undefined ? [this.toClient(ownModel), ...allowed] : allowed;
      issues.push({ field, message: `the server has no ${one[kind]} "${cut(name)}"${listed(known)}`, allowed: known });
      return name;
    };
    const { model: asked, ...rest } = request;
    const model = asked === undefined ? undefined : take("models", "model", asked);
    const named = (list: readonly { model?: string | undefined }[] | undefined, kind: NameKind, field: string) =>
      list?.map((entry, i) =>
        entry.model === undefined ? entry : { ...entry, model: take(kind, `${field}[${i}].model`, entry.model) },
      );
    const resolved = {
      ...rest,
      ...(model === undefined ? {} : { model }),
      ...(request.loras && { loras: named(request.loras, "loras", "loras") }),
      ...(request.embeddings && { embeddings: named(request.embeddings, "embeddings", "embeddings") }),
      ...(request.conditioning && { conditioning: named(request.conditioning as [], "controls", "conditioning") }),
    } as unknown as R;
    if (request.hires?.upscaler !== undefined && isModel(request))
      resolved.hires = { ...request.hires, upscaler: take("upscalers", "hires.upscaler", request.hires.upscaler) };
    const redraw = "redraw" in request ? (request.redraw as { upscaler?: string } | undefined) : undefined;
    if (redraw?.upscaler !== undefined)
      Object.assign(resolved, {
        redraw: { ...redraw, upscaler: take("upscalers", "redraw.upscaler", redraw.upscaler) },
      });
    if (issues.length > 0) throw new UnsupportedError(issues, { backend: this.#backend.id });
    return resolved;
  }

  /** What clients see of a text: the server's own names in the place of what lies behind them. */
  toClient(text: string): string {
    let shown = text;
    for (const [given, name] of this.#shown) shown = shown.replaceAll(given, name);
    return shown;
  }

  /** Data with the names that clients know, in every text of it. */
  shown<T>(value: T): T {
    if (this.#shown.size === 0) return value;
    if (typeof value === "string") return this.toClient(value) as T;
    if (Array.isArray(value)) return value.map((entry) => this.shown(entry)) as T;
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, this.shown(entry)])) as T;
  }

  async #ownModel(): Promise<string | undefined> {
    return (await this.#backend.capabilities().catch(() => undefined))?.model?.id;
  }
}

const one: Readonly<Record<NameKind, string>> = {
  models: "model",
  loras: "LoRA",
  embeddings: "embedding",
  controls: "ControlNet or adapter",
  upscalers: "upscaler",
};

function tableOf(table: NameTable): ReadonlyMap<string, string | null> {
  return new Map(Array.isArray(table) ? table.map((name) => [name, name]) : Object.entries(table));
}

/** Whether the upscaler of the second pass is a model, not a way to interpolate. */
function isModel(request: GenerationRequest): boolean {
  return recipeTouches({ ...request, backendOptions: {} }).some(({ field }) => field === "hires.upscaler");
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? "" : `; it has ${names.slice(0, 20).join(", ")}`;
}

function cut(name: string): string {
  return name.length > 100 ? `${name.slice(0, 100)}…` : name;
}
