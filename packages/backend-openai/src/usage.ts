/** Tokens of a call, as OpenAI tells them. */
export interface Usage {
  input_tokens?: number;
  output_tokens?: number;
  total_tokens?: number;
  input_tokens_details?: Readonly<Record<string, number>>;
  output_tokens_details?: Readonly<Record<string, number>>;
}

/** Tokens of several calls together, and what OpenAI's support asks for. */
export class UsageSum {
  #tokens: Record<string, number> = {};
  readonly #requestIds: string[] = [];

  add(usage: Usage | undefined, requestId: string | undefined): void {
    if (requestId !== undefined) this.#requestIds.push(requestId);
    const { input_tokens_details: input, output_tokens_details: output, ...totals } = usage ?? {};
    this.#sum("", totals as Record<string, number>);
    this.#sum("input_", input);
    this.#sum("output_", output);
  }

  /** Such as `{ inputTokens, outputTokens, totalTokens, inputImageTokens, inputTextTokens, requestIds }`. */
  metrics(): Record<string, unknown> {
    return { ...this.#tokens, ...(this.#requestIds.length > 0 ? { requestIds: this.#requestIds } : {}) };
  }

  #sum(prefix: string, figures: Readonly<Record<string, unknown>> | null | undefined): void {
    for (const [name, value] of Object.entries(figures ?? {})) {
      if (typeof value !== "number") continue;
      const key = `${prefix}${name}`.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
      this.#tokens[key] = (this.#tokens[key] ?? 0) + value;
    }
  }
}
