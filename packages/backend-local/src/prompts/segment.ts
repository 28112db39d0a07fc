/** A stretch of a prompt with the weight that its brackets give it; 1 is neutral. */
export interface Segment {
  text: string;
  weight: number;
}

/** One run of a text encoder: ids with begin, end and padding, and the weight of each place. */
export interface Chunk {
  ids: Int32Array;
  weights: Float64Array;
}
