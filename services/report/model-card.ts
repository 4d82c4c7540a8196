/**
 * The model card of a candidate: Markdown with the front matter that Hugging Face reads, to lie beside the ONNX file. It
 * says what the model is for, what it learned from, how it was measured and what nobody has shown. Pure: the same report
 * gives the same bytes. No name of an enrolled person is in it.
 */
import type { Noun } from '../../contracts/configuration/noun.ts';
import type { Accuracy, VerificationReport } from '../../contracts/verification.ts';
import type { DataSummary } from './data-summary.ts';
import { fiveFigures, type Figure } from './figures.ts';
import { consequence, count, number, percent, percentOrDash, score, VERDICT_WORDS } from './words.ts';

export interface ModelCardInput {
  readonly report: VerificationReport;
  /** Null if the snapshot is no longer stored. */
  readonly data: DataSummary | null;
  /** Digest of the snapshot. */
  readonly snapshot: string | null;
  readonly noun: Noun;
}

export function modelCard(input: ModelCardInput): string {
  const parts = [frontMatter(input), head(input), use(input), training(input), figures(input), limits(input)];
  return `${parts.join('\n\n')}\n`;
}

/** Quoted as JSON, which YAML reads as it is. */
function frontMatter({ report, noun }: ModelCardInput): string {
  const { recognition, identify } = report.candidate.accuracy;
  const metric = (type: string, value: number, name: string) =>
    `          - type: ${type}\n            value: ${value}\n            name: ${JSON.stringify(name)}`;
  return [
    '---',
    'license: unknown',
    'library_name: onnx',
    'pipeline_tag: image-feature-extraction',
    'tags:\n  - onnx\n  - metric-learning\n  - open-set-identification\n  - nightshift',
    `model-index:\n  - name: ${JSON.stringify(report.model)}`,
    '    results:\n      - task:\n          type: image-feature-extraction\n          name: Open-set identification',
    `        dataset:\n          type: private\n          name: ${JSON.stringify(`snapshot of ${report.runId}`)}\n        metrics:`,
    metric('fpir', identify.fpir.share, 'FPIR: strangers let in'),
    metric('fnir', recognition.fnir, 'FNIR: kept out'),
    metric('rank1', recognition.rank1PerPerson, `rank-1, averaged per ${noun.one}`),
    '---',
  ].join('\n');
}

function head({ report }: ModelCardInput): string {
  const { model, runId, verdict, reasons, candidate } = report;
  return [
    `# ${plain(model)}, ${plain(runId)}`,
    `**${VERDICT_WORDS[verdict]}.** ${consequence(report)}`,
    ...(reasons.length > 0 ? [reasons.map((reason) => `- ${plain(reason)}`).join('\n')] : []),
    `Model \`${candidate.digest}\`.`,
  ].join('\n\n');
}

function use({ data, noun }: ModelCardInput): string {
  const image = data
    ? `an image of ${data.image.width} x ${data.image.height} pixels, ${data.image.channels === 1 ? 'grey' : 'red, green and blue'}, values 0 to 255`
    : 'an image of the size that its input names';
  return `## Intended use

In: ${image}.
Out: an embedding of the ${noun.one} on it, a vector of length 1. Two images are compared by the cosine of their vectors. It serves identify (whose image is this, among those enrolled, or nobody's) and verify (is this the
${noun.one} that is claimed), at the thresholds below, with the gallery that was computed with this very model.
Embeddings of two models are not comparable.

Not intended: other ${noun.many} or pictures than those of its data without a verification of its own, and any decision
about a person that nobody can appeal.`;
}

function training({ report, data, snapshot, noun }: ModelCardInput): string {
  const { people, images, heldOut } = report.data;
  const trained = people - heldOut;
  const lines = [
    `- Snapshot: ${snapshot === null ? 'unknown' : `\`${snapshot}\``}`,
    `- ${count(trained, noun.one, noun.many)} trained on${data ? `, with ${count(data.counts.train, 'image')}, and ${data.counts.validation} to watch the training by` : ''}`,
    `- ${count(heldOut, noun.one, noun.many)} held out: enrolled and judged, never trained on`,
    `- ${count(images, 'image')} of ${count(people, noun.one, noun.many)} in all`,
    ...(data?.sources.map(
      ({ name, type, samples }) => `- Source ${plain(name)} (${plain(type)}): ${count(samples, 'sample')}`,
    ) ?? []),
  ];
  return `## Trained on\n\n${lines.join('\n')}\n\nThe licence of the data, and so of the model, is not known to the program that made it.`;
}

function figures({ report, noun }: ModelCardInput): string {
  const { candidate, champion, promise, data } = report;
  const beside = champion !== null;
  const row = ({ title, candidate: now, champion: before, bound }: Figure) =>
    `| ${title} | ${percentOrDash(now)} |${beside ? ` ${percentOrDash(before)} |` : ''} ${bound ?? ''} |`;
  const { identify, verify } = candidate.accuracy;
  const { latencyMs, imagesPerSecond } = candidate.performance;
  const from = data.strangers.from === 'source' ? 'a source of their own' : `the ${noun.many} held out`;
  return `## Figures

Measured with ${count(data.probes, 'probe')} and ${count(data.strangers.images, 'image')} of ${count(data.strangers.people, 'stranger')} (${from}).

| Figure | This model |${beside ? ' Champion |' : ''} Bound |
| --- | ---: |${beside ? ' ---: |' : ''} --- |
${fiveFigures(report, noun).map(row).join('\n')}

${fiveFigures(report, noun)
  .map(({ title, meaning }) => `- **${title}.** ${meaning}`)
  .join('\n')}

One image takes ${number(latencyMs.p50)} ms (half of all), ${number(latencyMs.p99)} ms (99 of 100); ${number(imagesPerSecond)} images/s on
the machine of the verifier.

## Thresholds and promises

| Decision | Threshold | Promised | Measured | 95 % bounds | Promise is |
| --- | ---: | ---: | ---: | --- | --- |
${promiseRow('identify, FPIR', identify.threshold, promise.fpir, identify.fpir)}
${promiseRow('verify, FAR', verify.threshold, promise.far, verify.far)}

- identify: ${plain(identify.fpir.sentence)}.
- verify: ${plain(verify.far.sentence)}.

The threshold of identify holds for ${candidate.accuracy.people} enrolled ${noun.many}, and is derived anew if they become more
or fewer. The second best must lie ${score(promise.margin)} lower.`;
}

const promiseRow = (
  decision: string,
  threshold: number,
  promised: number,
  { share, lower, upper, verdict }: Accuracy['identify']['fpir'],
) =>
  `| ${decision} | ${score(threshold)} | ${percent(promised)} | ${percent(share)} | ${percent(lower)} to ${percent(upper)} | ${verdict} |`;

function limits({ report, noun }: ModelCardInput): string {
  const heldOut =
    report.data.strangers.from === 'held-out'
      ? `\n- The strangers were ${noun.many} of the same sources, held out of training.`
      : '';
  return `## Limits

- No bound shows that the strangers at the door are like the strangers in the data.${heldOut}
- A photograph or a screen held before the camera is not told from the original: there is no liveness check.
- A bound is over ${noun.many} at 95 % confidence for each side alone; "inconclusive" means that the data cannot show it.
- The figures are of the probes of this snapshot. Other light, cameras or crops were not measured.
- A mean hides: the tenth who fare worst have a rank-1 of ${percent(report.candidate.accuracy.recognition.rank1WorstTenth)}.`;
}

/** Text from outside as one line that Markdown shows as it is. */
const plain = (text: string) =>
  text.replaceAll(/\s+/g, ' ').replaceAll(/[\\`*_{}[\]()#+!|<>&~^$]/g, (character) => `\\${character}`);
