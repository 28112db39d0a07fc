/** Version of this package; bears on the pixels, so it stands in each recipe. */
export const version = "0.1.0";
