/** `nightshift faces` at work: a progress bar while pictures are looked at, and reports for people or as JSON. */
import { FaceSettingsSchema, type FaceSettings } from '../../contracts/configuration/faces.ts';
import { ImageSpecSchema, type ImageSpec } from '../../contracts/dataset.ts';
import { describeIssues } from '../../contracts/envelope.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { importDetector, type DetectorReport } from '../../services/data/faces/import/import.ts';
import { lookForFaces, type LookReport, type Spread } from '../../services/data/faces/look.ts';
import { progressBar } from '../progress-bar.ts';

export async function importCommand(path: string, flags: { readonly out: string; readonly json?: boolean }) {
  const report = await importDetector(path, flags.out);
  process.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : `${importText(report)}\n`);
}

export interface LookFlags {
  readonly detector: string;
  readonly image: ImageSpec;
  readonly crops?: string;
  readonly scoreMin?: number;
  readonly sizeMin?: number;
  readonly blurMin?: number;
  readonly onSeveral?: 'refuse' | 'largest';
  readonly eyesApart?: number;
  readonly eyesDown?: number;
  readonly json?: boolean;
}

export async function lookCommand(folder: string, flags: LookFlags): Promise<void> {
  const { detector, crops } = flags;
  const image = imageOf(flags);
  const settings = settingsOf(flags);
  const bar = progressBar('looking');
  try {
    const report = await lookForFaces({ folder, detector, settings, image, crops, onProgress: bar.at });
    bar.stop();
    process.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : `${lookText(report)}\n`);
  } finally {
    bar.stop();
  }
}

function imageOf({ image }: LookFlags): ImageSpec {
  const parsed = ImageSpecSchema.safeParse(image);
  if (parsed.success) return parsed.data;
  throw new PipelineError('CONFIG_INVALID', `faces: --image: ${describeIssues(parsed.error)}`);
}

function settingsOf({ scoreMin, sizeMin, blurMin, onSeveral, eyesApart, eyesDown }: LookFlags): FaceSettings {
  const crop = { eyesApart, eyesDown };
  const parsed = FaceSettingsSchema.safeParse({ scoreMin, sizeMin, blurMin, onSeveral, crop });
  if (parsed.success) return parsed.data;
  throw new PipelineError('CONFIG_INVALID', `faces: ${describeIssues(parsed.error)}`);
}

function importText(report: DetectorReport): string {
  const { source, framework, family, size, channels, mean, scale, anchors, landmarks, checked } = report;
  const lines = [
    `${source}: ${framework}`,
    `  family    ${family}, boxes by stride and place ${anchors}, points ${landmarks}`,
    `  pixels    ${channels.toUpperCase()} ${size}, (pixel - ${mean}) * ${Number(scale).toPrecision(6)}`,
    `  check     ${checked}`,
    `  look      ${report.lookMs.toFixed(1)} ms`,
    `${report.file}: ${(report.bytes / 1e6).toFixed(1)} MB, for "faces": { "detector": "${report.file}" }`,
  ];
  return lines.join('\n');
}

function lookText({ pictures, found, refused, examples, spread, pictureMs, threads }: LookReport): string {
  const share = (count: number) => `${count} (${((100 * count) / Math.max(1, pictures)).toFixed(1)} %)`;
  const lines = [
    `${pictures} pictures, one face in ${share(found)}; ${pictureMs.toFixed(1)} ms a picture on each of ${threads} threads`,
    ...Object.entries(refused).map(([code, count]) => `  ${code.padEnd(18)} ${share(count)}`),
    ...examples.map((message) => `    ${message}`),
  ];
  if (spread === null) return lines.join('\n');
  lines.push('  of the faces         least      1 %      5 %   median     most');
  const row = (name: string, digits: number, { least, percent1, percent5, median, most }: Spread) =>
    `  ${name.padEnd(17)}${[least, percent1, percent5, median, most].map((it) => it.toFixed(digits).padStart(9)).join('')}`;
  lines.push(row('side, pixels', 0, spread.side), row('score', 3, spread.score), row('sharpness', 4, spread.sharpness));
  return lines.join('\n');
}
