import type { Backend } from "../backend.ts";
import type { Capabilities } from "../capabilities.ts";
import { ConfigError } from "../errors/config-error.ts";
import { wrapped } from "./wrap.ts";

/** What a picture costs, in US dollars: of every model, or by model, as requests or capabilities name it; 0 where nothing is billed. */
export type Prices = number | Readonly<Record<string, number>>;

/**
 * Tells what a backend's pictures cost, where it doesn't tell itself or you pay another price: for `explain`, `route` and budgets. A job's
 * `completed` event has it as `metrics.costUsd`, unless the backend measured that.
 *
 * @example
 * ```ts
 * withPrices(replicate({ model }), { "black-forest-labs/flux-schnell": 0.003 });
 * ```
 * @throws ConfigError for a price that is none.
 */
export function withPrices(backend: Backend, prices: Prices): Backend {
  const all = typeof prices === "number" ? [prices] : Object.values(prices ?? { none: Number.NaN });
  if (!all.every((price) => typeof price === "number" && price >= 0 && price < Number.POSITIVE_INFINITY))
    throw new ConfigError("usdPerImage: must be US dollars from 0 up, or an object of them by model");
  const priced = (capabilities: Capabilities, model: string | undefined): Capabilities => {
    const usdPerImage = priceOf(prices, [model, capabilities.model?.id]);
    return usdPerImage === undefined ? capabilities : { ...capabilities, usdPerImage };
  };
  const own = wrapped(backend, async function* billed(run, request, { signal }) {
    let images = new Set<number>();
    for await (const event of run(request)) {
      if (event.type === "image") images = images.add(event.index);
      if (event.type !== "completed" || event.metrics?.["costUsd"] !== undefined) {
        yield event;
        continue;
      }
      const { usdPerImage } = priced(await backend.capabilities(request.model, { signal }), request.model);
      const isFree = event.metrics?.["cached"] === true;
      const cost = usdPerImage === undefined ? {} : { costUsd: isFree ? 0 : usdPerImage * images.size };
      yield { ...event, metrics: { ...event.metrics, ...cost } };
    }
  });
  return {
    ...own,
    capabilities: async (model, options) => priced(await backend.capabilities(model, options), model),
  };
}

/** A model may be named with its version: `owner/name:version`. */
function priceOf(prices: Prices, names: readonly (string | undefined)[]): number | undefined {
  if (typeof prices === "number") return prices;
  const known = names.flatMap((name) => (name === undefined ? [] : [name, name.replace(/:[^:]*$/, "")]));
  const found = known.find((name) => Object.hasOwn(prices, name));
  return found === undefined ? undefined : prices[found];
}
