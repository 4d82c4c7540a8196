/** The folders in which workers of a configuration keep features of images from night to night. Pure; used by main.ts. */
import type { Config } from './config.ts';

export const featureFoldersOf = ({ models }: Pick<Config, 'models'>): string[] =>
  Object.values(models)
    .flatMap(({ training, verification }) => [training.backbone?.cacheDir, verification.featuresDir])
    .filter((folder) => typeof folder === 'string');
