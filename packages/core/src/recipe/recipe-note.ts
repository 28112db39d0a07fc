/** Something of a file's settings that the recipe does not hold, and that so may make another picture. */
export interface RecipeNote {
  /** The request's field that it bears on; or the file's own word for it, where a request has no such field. */
  field: string;
  /** The value in the file. */
  value?: string;
  /** What it was, and what is done instead. */
  message: string;
}
