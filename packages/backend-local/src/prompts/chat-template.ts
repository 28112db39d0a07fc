/** What a chat template writes around the one message that a prompt is. */
export interface ChatTemplate {
  readonly before: string;
  readonly after: string;
}

/** Qwen-Image's question to Qwen2.5-VL. */
export const qwenImageTemplate: ChatTemplate = {
  before:
    "<|im_start|>system\nDescribe the image by detailing the color, shape, size, texture, quantity, text, spatial relationships of the objects and background:<|im_end|>\n<|im_start|>user\n",
  after: "<|im_end|>\n<|im_start|>assistant\n",
};

/** Qwen3's template for one turn of the user's and the beginning of the answer, with thinking on (nothing more) or off (an empty thought). */
export function qwen3Template(thinking: boolean): ChatTemplate {
  return {
    before: "<|im_start|>user\n",
    after: `<|im_end|>\n<|im_start|>assistant\n${thinking ? "" : "<think>\n\n</think>\n\n"}`,
  };
}
