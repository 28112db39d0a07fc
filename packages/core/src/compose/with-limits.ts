import PQueue from "p-queue";
import type { Backend } from "../backend.ts";
import { BudgetError } from "../errors/budget-error.ts";
import { ConfigError } from "../errors/config-error.ts";
import type { GenerationEvent } from "../events.ts";
import type { GenerationRequest } from "../request/request.ts";
import { inTurn } from "./in-turn.ts";
import { wrapped } from "./wrap.ts";

/** Bounds on what goes to a backend. */
export interface Limits {
  /** Jobs at once; those beyond wait. */
  concurrency?: number;
  /** Jobs begun in any one minute; those beyond wait. */
  perMinute?: number;
  /** US dollars for all jobs of this backend object together. */
  budgetUsd?: number;
  /** What a request costs, in US dollars. Default: its capabilities' `usdPerImage`, times the pictures. */
  cost?: (request: GenerationRequest) => number | Promise<number>;
}

/** A limited backend, which can say what it has spent. */
export interface LimitedBackend extends Backend {
  /** US dollars of the jobs that began, by `metrics.costUsd` where the backend tells it, else as estimated. */
  readonly spentUsd: number;
}

/**
 * Holds jobs back until there is room, and refuses those that a budget doesn't cover before anything is billed.
 *
 * @throws ConfigError for a wrong limit; BudgetError, of a job, when what is left doesn't cover it.
 */
export function withLimits(backend: Backend, limits: Limits): LimitedBackend {
  const { concurrency = Number.POSITIVE_INFINITY, perMinute, budgetUsd, cost } = limits;
  for (const [name, value] of Object.entries({ concurrency, perMinute, budgetUsd }))
    if (value !== undefined && !(value > 0)) throw new ConfigError(`withLimits: ${name} must be above 0`);
  const rate = perMinute === undefined ? {} : { interval: 60_000, intervalCap: perMinute };
  const queue = new PQueue({ concurrency, ...rate });
  let spent = 0;

  async function* paid(
    request: GenerationRequest,
    events: AsyncIterable<GenerationEvent>,
    signal: AbortSignal,
  ): AsyncGenerator<GenerationEvent> {
    const price = await priceOf(request, signal);
    if (budgetUsd !== undefined && spent + price > budgetUsd) {
      const left = (budgetUsd - spent).toFixed(4);
      throw new BudgetError(`The request costs about ${price} USD, and ${left} of ${budgetUsd} USD are left.`, {
        backend: backend.id,
        details: { costUsd: price, spentUsd: spent, budgetUsd },
      });
    }
    spent += price;
    let began = false;
    try {
      for await (const event of events) {
        if (event.type === "started" || (event.type === "queued" && event.handle !== undefined)) began = true;
        const told = event.type === "completed" ? event.metrics?.["costUsd"] : undefined;
        if (typeof told === "number") spent += told - price;
        yield event;
      }
    } catch (error) {
      if (!began) spent -= price;
      throw error;
    }
  }

  async function priceOf(request: GenerationRequest, signal: AbortSignal): Promise<number> {
    if (cost !== undefined) return cost(request);
    if (budgetUsd === undefined) return 0;
    const { usdPerImage } = await backend.capabilities(request.model, { signal });
    if (usdPerImage === undefined)
      throw new BudgetError("The price of a picture is not known: give `cost`, or leave the budget out.", {
        backend: backend.id,
      });
    return usdPerImage * request.count;
  }

  const limited = wrapped(backend, (run, request, { signal, resumed }) =>
    resumed ? run(request) : inTurn(queue, paid(request, run(request), signal), signal),
  );
  return Object.defineProperty(limited as LimitedBackend, "spentUsd", { get: () => spent, enumerable: true });
}
