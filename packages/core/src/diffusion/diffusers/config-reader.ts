import { invalid } from "../invalid.ts";

/** Reads a scheduler_config.json's options with their defaults, and refuses a wrong one by its name. */
export class ConfigReader {
  readonly #config: Readonly<Record<string, unknown>>;

  constructor(config: Readonly<Record<string, unknown>>) {
    this.#config = config;
  }

  number(name: string, fallback: number): number {
    return this.optionalNumber(name) ?? fallback;
  }

  /** A number, or undefined where it is absent or null. */
  optionalNumber(name: string): number | undefined {
    const value = this.#config[name] ?? undefined;
    if (value === undefined || (typeof value === "number" && !Number.isNaN(value))) return value;
    return invalid(name, `must be a number, not ${describe(value)}`);
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.#config[name] ?? fallback;
    return typeof value === "boolean" ? value : invalid(name, `must be true or false, not ${describe(value)}`);
  }

  /** A list of numbers, or undefined where it is absent or null. */
  optionalNumbers(name: string): number[] | undefined {
    const value = this.#config[name] ?? undefined;
    if (value === undefined) return undefined;
    if (Array.isArray(value) && value.every((entry) => Number.isFinite(entry))) return value;
    return invalid(name, "must be a list of numbers");
  }

  oneOf<T extends string>(name: string, allowed: readonly T[], fallback: T): T {
    const value = this.#config[name] ?? fallback;
    const found = allowed.find((entry) => entry === value);
    return found ?? invalid(name, `${describe(value)} can't be followed`, allowed);
  }

  /** Refuses an option that is on, where only off can be followed. */
  mustBeOff(...names: string[]): void {
    for (const name of names)
      if (this.#config[name])
        invalid(name, `${describe(this.#config[name])} can't be followed; must be off`, ["false"]);
  }

  /** Of several exclusive switches, the one that is on. */
  exclusive<T extends string>(names: readonly T[]): T | undefined {
    const on = names.filter((name) => this.boolean(name, false));
    if (on.length > 1) invalid(on[1]!, `can't be on together with ${on[0]}`);
    return on[0];
  }
}

function describe(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}
