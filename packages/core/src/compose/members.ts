import type { Backend } from "../backend.ts";
import { ConfigError } from "../errors/config-error.ts";
import { withPrices } from "./with-prices.ts";

/** A backend in a composition, with what is known of it. */
export interface MemberOptions {
  backend: Backend;
  /** How logs and handles call it; by default the backend's id, with a number where there are several of it. */
  name?: string;
  /** US dollars for a picture; 0 where nothing is billed. Default: as its capabilities say. */
  usdPerImage?: number;
  /** Milliseconds that a picture usually takes. */
  msPerImage?: number;
}

/** Backends to compose: a list, or an object whose keys name them. */
export type Members = readonly (Backend | MemberOptions)[] | Readonly<Record<string, Backend | MemberOptions>>;

/** A member with its name. */
export interface Member extends MemberOptions {
  name: string;
}

/**
 * Gives each member a name of its own.
 *
 * @throws ConfigError when there are none, one is no backend, or one stands there twice.
 */
export function namedMembers(members: Members, composition: string): Member[] {
  const listed: MemberOptions[] = Array.isArray(members)
    ? (members as readonly (Backend | MemberOptions)[]).map((entry) => optionsOf(entry))
    : Object.entries(members ?? {}).map(([name, entry]) => ({ name, ...optionsOf(entry) }));
  if (listed.length === 0) throw new ConfigError(`${composition}: needs at least one backend`);
  const named: Member[] = [];
  const seen = new Set<Backend>();
  for (const [i, member] of listed.entries()) {
    if (typeof member.backend?.generate !== "function")
      throw new ConfigError(`${composition}: entry ${i} must be a backend, or { backend, name, … }`);
    if (seen.has(member.backend))
      throw new ConfigError(`${composition}: the same backend ("${member.backend.id}") stands there twice`);
    seen.add(member.backend);
    const name = member.name ?? freeName(member.backend.id, named);
    if (named.some((other) => other.name === name))
      throw new ConfigError(`${composition}: two backends are named "${name}": give one another name`);
    const { backend, usdPerImage } = member;
    named.push({ ...member, name, backend: usdPerImage === undefined ? backend : withPrices(backend, usdPerImage) });
  }
  return named;
}

function optionsOf(entry: Backend | MemberOptions): MemberOptions {
  return "backend" in (entry ?? {}) ? (entry as MemberOptions) : { backend: entry as Backend };
}

function freeName(id: string, others: readonly Member[]): string {
  for (let number = 1; ; number++) {
    const name = number === 1 ? id : `${id}-${number}`;
    if (others.every((other) => other.name !== name)) return name;
  }
}
