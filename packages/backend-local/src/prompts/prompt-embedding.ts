/** A word of a prompt that stands for vectors of a textual inversion. */
export interface PromptEmbedding {
  token: string;
  /** How many vectors, each in the place of a token. */
  count: number;
  /** Changes when the vectors do. */
  stamp: string;
}
