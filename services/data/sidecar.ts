/** The file of tags beside an image, such as `1.png.json`: {"tags": ["light: left"]}. Called by the sources of files. */
import { z } from 'zod';

const SidecarSchema = z.object({ tags: z.array(z.string()).default([]) });

/** Null if it holds none: somebody meant to say something. */
export function tagsIn(bytes: Buffer): string[] | null {
  try {
    return SidecarSchema.parse(JSON.parse(bytes.toString('utf8'))).tags;
  } catch {
    return null;
  }
}
