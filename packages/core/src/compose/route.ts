import type { Backend } from "../backend.ts";
import { UnsupportedError } from "../errors/unsupported-error.ts";
import type { GenerationRequest } from "../request/request.ts";
import { type Candidate, choosing } from "./choose.ts";
import { type Members, namedMembers } from "./members.ts";

/** How a route chooses. */
export interface RouteRules {
  /** Default `"route"`. */
  id?: string;
  /** The cheapest (default), the fastest, the first of these names that can do it, or a function that puts the candidates in order. */
  prefer?:
    | "cheapest"
    | "fastest"
    | readonly string[]
    | ((candidates: readonly Candidate[], request: GenerationRequest) => readonly Candidate[]);
  /** Most US dollars for a whole request. A backend whose price is not known is passed over. */
  maxUsd?: number;
  /** Most milliseconds for a whole request. A backend whose time is not known is passed over. */
  maxMs?: number;
  /** Whether the next best is asked where the best fails before it has made anything. Default false. */
  fallback?: boolean;
}

/**
 * Chooses a backend for each request before anything is billed: among those that can do it, within the limits, the preferred one. Prices
 * and times are the members' `usdPerImage` and `msPerImage`, times the number of pictures.
 *
 * @throws ConfigError for an empty list or a wrong rule; UnsupportedError, of a request, when none is within the limits.
 */
export function route(members: Members, rules: RouteRules = {}): Backend {
  const { id = "route", maxUsd, maxMs } = rules;
  const order = (candidates: readonly Candidate[], request: GenerationRequest): readonly Candidate[] => {
    const within = candidates.filter(
      ({ usd, ms }) =>
        (maxUsd === undefined || (usd !== undefined && usd <= maxUsd)) &&
        (maxMs === undefined || (ms !== undefined && ms <= maxMs)),
    );
    if (within.length === 0) throw overLimits(id, candidates, rules);
    return preferred(within, request, rules);
  };
  return choosing({ id, members: namedMembers(members, id), order, goesOn: () => rules.fallback === true });
}

/** What is not known comes last; what is equal keeps its order. */
function preferred(within: readonly Candidate[], request: GenerationRequest, { prefer = "cheapest" }: RouteRules) {
  if (typeof prefer === "function") return prefer(within, request);
  if (prefer === "cheapest" || prefer === "fastest") {
    const cost = (one: Candidate) => (prefer === "cheapest" ? one.usd : one.ms) ?? Number.POSITIVE_INFINITY;
    return within.toSorted((a, b) => (cost(a) === cost(b) ? 0 : cost(a) - cost(b)));
  }
  const rank = ({ member }: Candidate) => {
    const at = prefer.indexOf(member.name);
    return at < 0 ? prefer.length : at;
  };
  return within.toSorted((a, b) => rank(a) - rank(b));
}

function overLimits(id: string, candidates: readonly Candidate[], { maxUsd, maxMs }: RouteRules): UnsupportedError {
  const told = candidates.map(({ member, usd, ms }) => {
    const price = usd === undefined ? "price not known" : `${usd} USD`;
    return `${member.name} (${price}, ${ms === undefined ? "time not known" : `${ms} ms`})`;
  });
  const limits = [maxUsd === undefined ? [] : `${maxUsd} USD`, maxMs === undefined ? [] : `${maxMs} ms`].flat();
  const message = `no backend is within ${limits.join(" and ")}: ${told.join(", ")}`;
  return new UnsupportedError([{ field: maxUsd === undefined ? "maxMs" : "maxUsd", message }], { backend: id });
}
