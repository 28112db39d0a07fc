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

/** What stands for a picture in a chat of Qwen's models. */
const picture = "<|vision_start|><|image_pad|><|vision_end|>";

/** Qwen-Image-Edit's task to Qwen2.5-VL, over so many pictures, which its later versions number. */
export function qwenEditTemplate(pictures: number, numbered: boolean): ChatTemplate {
  const each = (_: unknown, i: number) => (numbered ? `Picture ${i + 1}: ${picture}` : picture);
  const shown = Array.from({ length: pictures }, each).join("");
  return {
    before: `<|im_start|>system\nDescribe the key features of the input image (color, shape, size, texture, objects, background), then explain how the user's text instruction should alter or modify the image. Generate a new image that meets the user's requirements while maintaining consistency with the original input where appropriate.<|im_end|>\n<|im_start|>user\n${shown}`,
    after: "<|im_end|>\n<|im_start|>assistant\n",
  };
}

/** What Qwen-Image 2.1 tells Qwen3-VL first, whose states are left out. */
export const qwenImage21System = "<|im_start|>system\nComprehend and analyze the provided prompt.<|im_end|>\n";

/** Qwen-Image 2.1's prompt to Qwen3-VL, after so many pictures, which are numbered. */
export function qwenImage21Template(pictures: number): ChatTemplate {
  const shown = Array.from({ length: pictures }, (_, i) => `<image${i + 1}>${picture}`).join(" ");
  return {
    before: `${qwenImage21System}<|im_start|>user\n${shown}`,
    after: "<|im_end|>\n<|im_start|>assistant\n",
  };
}

/** Qwen3's template for one turn of the user's and the beginning of the answer, with thinking on (nothing more) or off (an empty thought). */
export function qwen3Template(thinking: boolean): ChatTemplate {
  return {
    before: "<|im_start|>user\n",
    after: `<|im_end|>\n<|im_start|>assistant\n${thinking ? "" : "<think>\n\n</think>\n\n"}`,
  };
}
