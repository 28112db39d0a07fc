import PQueue from "p-queue";
import type { Backend } from "../backend.ts";
import { ConfigError } from "../errors/config-error.ts";
import { LatentKitError } from "../errors/latentkit-error.ts";
import type { GenerationEvent } from "../events.ts";
import { type Candidate, choosing } from "./choose.ts";
import { inTurn } from "./in-turn.ts";
import { type Members, namedMembers } from "./members.ts";

/** How a pool shares its work. */
export interface PoolRules {
  /** Default `"pool"`. */
  id?: string;
  /** Jobs at once on one member; those beyond wait for it. Default: no limit here, whatever the member does itself. */
  concurrency?: number;
  /** How long a member that could not be reached is passed over, in milliseconds, while there are others. Default 30 s. */
  restMs?: number;
}

/** Errors that say of a member, not of a job, that something is wrong. */
const unwell = new Set(["connection", "engine", "authentication", "timeout"]);

/**
 * Shares requests among equal backends: each goes to the one that has least to do. One that cannot be reached rests, and what it had not
 * taken yet goes to another.
 *
 * @throws ConfigError for an empty list, a backend that stands there twice, or a wrong rule.
 */
export function pool(members: Members, rules: PoolRules = {}): Backend {
  const { id = "pool", concurrency = Number.POSITIVE_INFINITY, restMs = 30_000 } = rules;
  if (!(concurrency >= 1)) throw new ConfigError(`${id}: concurrency must be 1 or more`);
  const named = namedMembers(members, id);
  const states = new Map(
    named.map(({ name }) => [name, { queue: new PQueue({ concurrency }), jobs: 0, restsUntil: 0 }]),
  );
  const stateOf = ({ member }: Candidate) => states.get(member.name)!;

  const order = (candidates: readonly Candidate[]): readonly Candidate[] => {
    const now = Date.now();
    const busy = (one: Candidate) => stateOf(one).jobs + (stateOf(one).restsUntil > now ? 1e6 : 0);
    return candidates.toSorted((a, b) => busy(a) - busy(b));
  };

  async function* around(candidate: Candidate, events: AsyncIterable<GenerationEvent>, signal: AbortSignal) {
    const state = stateOf(candidate);
    try {
      yield* inTurn(state.queue, events, signal);
      state.restsUntil = 0;
    } catch (error) {
      if (LatentKitError.isInstance(error) && unwell.has(error.code)) state.restsUntil = Date.now() + restMs;
      throw error;
    }
  }

  const begin = (candidate: Candidate) => {
    const state = stateOf(candidate);
    state.jobs++;
    return () => void state.jobs--;
  };

  const goesOn = (error: unknown) =>
    LatentKitError.isInstance(error) && (unwell.has(error.code) || error.code === "rate_limit");
  return choosing({ id, members: named, order, begin, around, goesOn });
}
