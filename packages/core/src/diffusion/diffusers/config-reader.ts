import { invalid } from "../invalid.ts";

/**
 * Reads a scheduler_config.json's options with their defaults, and refuses a wrong one by its name. An option that is `null` is Python's
 * None, as in diffusers: a switch is off, what may be absent is absent, and a number or a choice that must be there is refused.
 */
export class ConfigReader {
  readonly #config: Readonly<Record<string, unknown>>;

  constructor(config: Readonly<Record<string, unknown>>) {
    this.#config = config;
  }

  /** A number from `min` to `max`. */
  number(name: string, fallback: number, min: number, max: number): number {
    return this.optionalNumber(name, min, max) ?? this.#default(name, fallback);
  }

  /** A number from `min` to `max`, or undefined where it is absent or null. */
  optionalNumber(name: string, min = -Number.MAX_VALUE, max = Number.MAX_VALUE): number | undefined {
    const value = this.#config[name] ?? undefined;
    if (value === undefined || (typeof value === "number" && value >= min && value <= max)) return value;
    return invalid(name, `must be a number from ${min} to ${max}, not ${describe(value)}`);
  }

  /** A whole number from `min` to `max`. */
  integer(name: string, fallback: number, min: number, max: number): number {
    const value = this.#given(name, fallback);
    if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
    return invalid(name, `must be a whole number from ${min} to ${max}, not ${describe(value)}`);
  }

  /** The number of training timesteps. */
  trainTimesteps(fallback = 1000): number {
    return this.integer("num_train_timesteps", fallback, 2, 1_000_000);
  }

  /**
   * The bounds of a curve that replaces the levels, `sigma_min` and `sigma_max`, each undefined where it is absent or null.
   * `defaults` are what the other is held against then.
   */
  sigmaBounds(defaults: { sigmaMin: number; sigmaMax: number }): { sigmaMin?: number; sigmaMax?: number } {
    const sigmaMin = this.optionalNumber("sigma_min", 1e-9, 1e9);
    const sigmaMax = this.optionalNumber("sigma_max", 1e-9, 1e9);
    const [low, high] = [sigmaMin ?? defaults.sigmaMin, sigmaMax ?? defaults.sigmaMax];
    if (low > high && (sigmaMin !== undefined || sigmaMax !== undefined))
      invalid(
        sigmaMax === undefined ? "sigma_min" : "sigma_max",
        sigmaMax === undefined ? `must be at most ${high}, not ${low}` : `must be at least ${low}, not ${high}`,
      );
    return { ...(sigmaMin === undefined ? {} : { sigmaMin }), ...(sigmaMax === undefined ? {} : { sigmaMax }) };
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.#given(name, fallback) ?? false;
    return typeof value === "boolean" ? value : invalid(name, `must be true or false, not ${describe(value)}`);
  }

  /** A list of finite numbers, or undefined where it is absent or null. */
  optionalNumbers(name: string): number[] | undefined {
    const value = this.#config[name] ?? undefined;
    if (value === undefined) return undefined;
    if (Array.isArray(value) && value.every((entry) => Number.isFinite(entry))) return value;
    return invalid(name, "must be a list of numbers");
  }

  /** One of `allowed`; `none` is what null means, where it means something. */
  oneOf<T extends string>(name: string, allowed: readonly T[], fallback: T, none?: T): T {
    const value = this.#given(name, fallback) ?? none ?? null;
    const found = allowed.find((entry) => entry === value);
    return found ?? invalid(name, `${describe(value)} can't be followed`, allowed);
  }

  isNull(name: string): boolean {
    return this.#config[name] === null;
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

  /** The option as it stands, null included; the fallback where there is none. */
  #given(name: string, fallback: unknown): unknown {
    return this.#config[name] === undefined ? fallback : this.#config[name];
  }

  #default(name: string, fallback: number): number {
    return this.#config[name] === null ? invalid(name, "must be a number, not null") : fallback;
  }
}

function describe(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}
