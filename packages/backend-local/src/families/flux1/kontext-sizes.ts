/** The widths and heights that FLUX.1 Kontext was trained on: a reference picture is brought to the one whose shape is nearest. */
export const kontextSizes: readonly (readonly [width: number, height: number])[] = [
  ...([
    [672, 1568],
    [688, 1504],
    [720, 1456],
    [752, 1392],
    [800, 1328],
    [832, 1248],
    [880, 1184],
    [944, 1104],
    [1024, 1024],
    [1104, 944],
    [1184, 880],
    [1248, 832],
    [1328, 800],
    [1392, 752],
    [1456, 720],
    [1504, 688],
    [1568, 672],
  ] as const),
];
