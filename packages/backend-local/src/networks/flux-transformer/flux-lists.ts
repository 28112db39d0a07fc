/** The lists of a transformer's blocks that ControlNets add to: those of two streams, and of one. */
export const fluxLists = ["double", "single"] as const;
