/** Names of the files of a run's report, and the folder that they share: `<model>/<run>/` in REPORTS and MODELS. */
import type { BlobRef } from '../../contracts/references.ts';

/** In REPORTS. */
export const REPORT_FILE = 'verification.json';
export const EVIDENCE_FILE = 'verification-evidence.json';
/** The snapshot in figures: a reader of reports may not read the snapshot itself. */
export const DATA_FILE = 'data-summary.json';
/** What came, went and was set aside, with pictures; the collector's. */
export const SHEET_FILE = 'data.json';
export const CURVE_FILE = 'learning-curve.json';
/** In MODELS, beside the ONNX file. */
export const CARD_FILE = 'README.md';

/** The key of a file beside another one. */
export const beside = ({ key }: Pick<BlobRef, 'key'>, file: string): string =>
  `${key.slice(0, key.lastIndexOf('/') + 1)}${file}`;
