/** `nightshift backbone import` at work: a progress bar while crops are tried, and the report for people or as JSON. */
import type { Crop } from '../../services/training/backbone/assemble.ts';
import type { CropSearch } from '../../services/training/backbone/crop-search.ts';
import { importBackbone, type ImportOptions, type ImportReport } from '../../services/training/backbone/import.ts';
import type { LookFlags } from '../../services/training/backbone/look.ts';
import { progressBar } from '../progress-bar.ts';
import { createTable } from '../table.ts';

export interface Flags
  extends LookFlags, Pick<ImportOptions, 'out' | 'output' | 'channels' | 'crop' | 'images' | 'sample'> {
  readonly json?: boolean;
}

export async function importCommand(path: string, flags: Flags): Promise<void> {
  const bar = progressBar('trying crops');
  const { out, output, channels, crop, images, sample } = flags;
  const options = { path, out, output, channels, crop, images, sample, flags };
  try {
    const report = await importBackbone({ ...options, onProgress: bar.at });
    bar.stop();
    process.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : `${textOf(report)}\n`);
  } finally {
    bar.stop();
  }
}

function textOf({ file, bytes, source, input, features, check, crop, search, imageMs }: ImportReport): string {
  const { bgr, channels, mean, scale, width, height, from } = input;
  const colours = channels === 1 ? 'grey' : bgr ? 'BGR' : 'RGB';
  const lines = [
    `${source.path}: ${source.framework}`,
    ...source.notes.map((note) => `  ${note}`),
    `  pixels   ${colours} ${width}x${height}, (pixel - ${shown(mean)}) * ${shown(scale)}: ${from}`,
    `  check    ${check.text}`,
    ...(search ? [tableOf(search)] : []),
    `  crop     ${boxOf(crop)}${search ? '' : ' (not searched; --images <folder> does)'}`,
    `  features ${features}, ${imageMs.toFixed(1)} ms an image`,
    `${file}: ${(bytes / 1e6).toFixed(1)} MB, for "training": { "backbone": { "path": "${file}" } }`,
  ];
  return lines.join('\n');
}

function tableOf({ tried, best, people, images }: CropSearch): string {
  const table = createTable(['crop: left, top, width, height', 'rank-1', 'TAR at FAR 1e-2', ''], {
    drops: ['TAR at FAR 1e-2'],
  });
  const share = (value: number) => `${(100 * value).toFixed(1)} %`;
  for (const it of tried) table.push([boxOf(it.crop), share(it.rank1), share(it.tar), it === best ? 'best' : '']);
  return `  ${images} images of ${people} people, each against all others:\n${table.toString()}`;
}

const boxOf = ({ left, top, width, height }: Crop): string =>
  [left, top, width, height].map((value) => value.toFixed(3)).join(', ');

const shown = (values: readonly number[]): string => {
  const digits = values.map((value) => Number(value.toPrecision(6)));
  return digits.length === 1 ? String(digits[0]) : `[${digits.join(', ')}]`;
};
