/**
 * `nightshift faces`: a detector becomes one ONNX file for `faces.detector`, and a folder of pictures is looked at with it.
 * The flags; faces-work.ts prints, and the work is in services/data/faces.
 */
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { ImageSpec } from '../../contracts/dataset.ts';
import type { LookFlags } from './faces-work.ts';

const IMAGE_DEFAULT: ImageSpec = { width: 64, height: 64, channels: 1 };

export function facesCommands(nightshift: Command): void {
  const faces = nightshift.command('faces').description('from photograph to face').enablePositionalOptions();
  faces
    .command('import')
    .description('turn a detector of faces into one ONNX file for faces.detector')
    .argument('<what>', 'the model.json of a TensorFlow.js graph model of BlazeFace')
    .requiredOption('--out <file>', 'where to write the ONNX file')
    .option('--json', 'print one JSON object to stdout')
    .action(async (path: string, flags: { out: string; json?: boolean }) =>
      (await import('./faces-work.ts')).importCommand(path, flags),
    );
  faces
    .command('look')
    .description('look for the face in each picture of a folder and count what would be refused')
    .argument('<folder>', 'pictures, one folder per person')
    .requiredOption('--detector <file>', 'what `nightshift faces import` wrote')
    .option('--image <WxHxC>', "size and channels of the model's picture", imageOf, IMAGE_DEFAULT)
    .option('--crops <folder>', 'write the faces as the model sees them, one folder per person')
    .option('--score-min <n>', 'as faces.scoreMin', numberOf)
    .option('--size-min <n>', 'as faces.sizeMin', numberOf)
    .option('--blur-min <n>', 'as faces.blurMin', numberOf)
    .addOption(new Option('--on-several <what>', 'as faces.onSeveral').choices(['refuse', 'largest']))
    .option('--eyes-apart <n>', 'as faces.crop.eyesApart', numberOf)
    .option('--eyes-down <n>', 'as faces.crop.eyesDown', numberOf)
    .option('--json', 'print one JSON object to stdout')
    .action(async (folder: string, flags: LookFlags) => (await import('./faces-work.ts')).lookCommand(folder, flags));
}

/** Its sizes are checked where it is used: a schema would be loaded for help, too. */
function imageOf(value: string): ImageSpec {
  const [, width, height, channels] = /^(\d+)x(\d+)x([13])$/.exec(value) ?? [];
  if (channels === undefined) throw new InvalidArgumentError('a size and 1 or 3 channels, such as 64x64x1');
  return { width: Number(width), height: Number(height), channels: channels === '1' ? 1 : 3 };
}

function numberOf(value: string): number {
  const number = Number(value);
  if (value.trim() !== '' && Number.isFinite(number)) return number;
  throw new InvalidArgumentError('a number');
}
