/**
 * Families of detectors that can be imported, by the code that feeds them: what their outputs mean, and where they look.
 * Called by import.ts and assemble.ts.
 */

/** One grid of places: `scores` and `boxes` are outputs of the net, known by how many values they have. */
export interface Grid {
  /** Places along a side of the input. */
  readonly side: number;
  /** Boxes at each place. */
  readonly boxes: number;
}

export interface Family {
  readonly name: string;
  readonly bgr: boolean;
  readonly mean: number;
  readonly scale: number;
  readonly grids: readonly Grid[];
  /**
   * Values of one box: middle from that of its place, width and height, then the points, all in pixels of the input.
   */
  readonly values: number;
  readonly landmarks: readonly string[];
  /** Of these, the eye that is on the left where the face is upright, and the other one. */
  readonly eyes: readonly [number, number];
}

/**
 * https://arxiv.org/abs/1907.05047. Two forms, of 128 pixels for faces near a camera and of 256 for farther ones, with
 * grids of the same places.
 */
const BLAZEFACE: Family = {
  ...{ name: 'blazeface', bgr: false, mean: 127.5, scale: 1 / 127.5 },
  grids: [
    { side: 16, boxes: 2 },
    { side: 8, boxes: 6 },
  ],
  values: 16,
  landmarks: ['right eye', 'left eye', 'nose', 'mouth', 'right ear', 'left ear'],
  eyes: [0, 1],
};

export const FAMILIES: readonly Family[] = [BLAZEFACE];

export const placesOf = ({ side, boxes }: Grid): number => side * side * boxes;

/** The outputs of a net in the order of the family's grids; null if they are not this family's. `sizes`: values of each. */
export function outputsOf(
  { grids, values }: Family,
  sizes: ReadonlyMap<string, number>,
): readonly { readonly scores: string; readonly boxes: string; readonly grid: Grid }[] | null {
  if (sizes.size !== 2 * grids.length) return null;
  const nameOf = (size: number) => [...sizes].find(([, its]) => its === size)?.[0];
  const outputs = grids.flatMap((grid) => {
    const [scores, boxes] = [nameOf(placesOf(grid)), nameOf(placesOf(grid) * values)];
    return scores === undefined || boxes === undefined ? [] : [{ scores, boxes, grid }];
  });
  return outputs.length === grids.length ? outputs : null;
}
