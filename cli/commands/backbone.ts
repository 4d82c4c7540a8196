/**
 * `nightshift backbone import`: a pretrained net becomes one ONNX file for `training.backbone.path`. The flags;
 * backbone-import.ts prints, and the work is in services/training/backbone.
 */
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Crop } from '../../services/training/backbone/assemble.ts';
import type { Flags } from './backbone-import.ts';
import { PRESET_NAMES } from '../../services/training/backbone/presets.ts';

const SAMPLE_DEFAULT = 300;

export function backboneCommands(nightshift: Command): void {
  const backbone = nightshift.command('backbone').description('pretrained nets as backbones').enablePositionalOptions();
  backbone
    .command('import')
    .description('turn a pretrained net into one ONNX file for training.backbone.path')
    .argument('<what>', 'an ONNX file (operators 7 and later), or the model.json of a TensorFlow.js graph model')
    .requiredOption('--out <file>', 'where to write the ONNX file')
    .option('--images <folder>', 'enrolled images, one folder per person: finds the best crop on them')
    .option('--sample <n>', 'most images that the search for a crop looks at', atLeast(8), SAMPLE_DEFAULT)
    .option('--crop <box>', 'left,top,width,height as shares of the picture, in place of a search', cropOf)
    .addOption(new Option('--preset <family>', 'how this family wants its pixels').choices(PRESET_NAMES))
    .option('--mean <numbers>', 'taken from each pixel: one, or of red,green,blue', numbersOf)
    .option('--scale <numbers>', 'multiplied with what is left: one, or of red,green,blue', numbersOf)
    .option('--bgr', 'the net takes blue first')
    .option('--size <WxH>', 'size of picture, where the file leaves it open', sizeOf)
    .option('--channels <n>', 'channels, where the file leaves them open: 1 or 3', atLeast(1))
    .option('--output <name>', 'output or node with the features, where there are several')
    .option('--json', 'print one JSON object to stdout')
    .action(async (path: string, flags: Flags) => (await import('./backbone-import.ts')).importCommand(path, flags));
}

function numbersOf(value: string): number[] {
  const numbers = value.split(',').map(Number);
  if (value.trim() !== '' && [1, 3].includes(numbers.length) && numbers.every(Number.isFinite)) return numbers;
  throw new InvalidArgumentError('one number, or three with commas');
}

function cropOf(value: string): Crop {
  const [left, top, width, height, ...rest] = value.split(',').map(Number);
  const box = [left, top, width, height];
  if (rest.length > 0 || !box.every(Number.isFinite) || !(width! > 0) || !(height! > 0))
    throw new InvalidArgumentError('left,top,width,height as shares of the picture, such as 0.1,0.1,0.8,0.8');
  return { left: left!, top: top!, width: width!, height: height! };
}

function sizeOf(value: string): { width: number; height: number } {
  const match = /^([1-9]\d{0,3})(?:x([1-9]\d{0,3}))?$/.exec(value);
  if (!match) throw new InvalidArgumentError('a size such as 112x112');
  return { width: Number(match[1]), height: Number(match[2] ?? match[1]) };
}

const atLeast = (least: number) => (value: string) => {
  const number = Number(value);
  if (Number.isInteger(number) && number >= least) return number;
  throw new InvalidArgumentError(`a whole number from ${least}`);
};
