import { dynamicShift } from "@latentkit/core/diffusion";

/**
 * The shift that a scheduler_config.json with `use_dynamic_shifting` gives a picture of so many tokens; undefined where the shift is none of
 * the picture's. `mu` is the family's own, where it is not linear in the tokens.
 */
export function dynamicShiftOf(
  config: Readonly<Record<string, unknown>>,
  tokens: number,
  mu: number | undefined,
): number | undefined {
  if (config.use_dynamic_shifting !== true) return undefined;
  const number = (option: string) => (typeof config[option] === "number" ? config[option] : undefined);
  const given = {
    baseTokens: number("base_image_seq_len"),
    maxTokens: number("max_image_seq_len"),
    baseShift: number("base_shift"),
    maxShift: number("max_shift"),
  };
  const options = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const shift = mu ?? dynamicShift(tokens, options);
  return config.time_shift_type === "linear" ? shift : Math.exp(shift);
}
