import type { Prediction } from "./api/prediction.ts";

/**
 * Figures of a job: Replicate's own summed over its predictions, `billedSeconds` (time that a model ran, which is what
 * models billed by time cost), and the predictions' ids. Timings in milliseconds.
 */
export function sumMetrics(predictions: readonly Prediction[]) {
  const metrics: Record<string, unknown> = {};
  for (const { metrics: own } of predictions) {
    for (const [name, value] of Object.entries(own ?? {})) {
      const before = metrics[name];
      metrics[name] = typeof value === "number" && typeof before === "number" ? before + value : value;
    }
  }
  const { predict_time: seconds } = metrics;
  const billed = typeof seconds === "number" ? { billedSeconds: seconds } : {};
  const timings = {
    ...timing("queue", predictions, (each) => [each.created_at, each.started_at]),
    ...(typeof seconds === "number" ? { predict: Math.round(seconds * 1000) } : {}),
  };
  return { metrics: { ...metrics, ...billed, predictionIds: predictions.map(({ id }) => id) }, timings };
}

/** The longest of a span over all predictions. */
function timing(
  name: string,
  predictions: readonly Prediction[],
  span: (prediction: Prediction) => [string | null | undefined, string | null | undefined],
): Record<string, number> {
  const lengths = predictions.flatMap((prediction) => {
    const [from, to] = span(prediction);
    const length = from == null || to == null ? Number.NaN : Date.parse(to) - Date.parse(from);
    return Number.isNaN(length) ? [] : [Math.max(0, length)];
  });
  return lengths.length === 0 ? {} : { [name]: Math.max(...lengths) };
}
