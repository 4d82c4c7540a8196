/**
 * The verifier's figures of a candidate, its gates and its report. Shares are 0..1; a figure that the data cannot give
 * is null.
 */
import { z } from 'zod';
import { PromiseVerdictSchema } from './decision.ts';
import { DigestSchema, TokenSchema } from './references.ts';
import { LatencySchema } from './replica.ts';

/** Of a share: it lies above the lower and below the upper bound, with 95 % confidence each. */
const BoundsSchema = z.object({ lower: z.number(), upper: z.number() });
export type ShareBounds = z.infer<typeof BoundsSchema>;

/** How enrolled people fare, over their probes; see services/decision/recognition.ts. */
export const RecognitionSchema = z.object({
  people: z.number().int(),
  probes: z.number().int(),
  /** Probes that are not answered with the own name. */
  fnir: z.number(),
  /** Probes that are answered with another name. */
  wrongName: z.number(),
  /** Probes whose best row is the own one, whatever the threshold. */
  rank1: z.number(),
  /** The same, each person counting once; and the tenth of the people who fare worst. */
  rank1PerPerson: z.number(),
  rank1WorstTenth: z.number(),
  /** Taken over people; absent in reports of slices before 0.4.0. */
  bounds: z.object({ fnir: BoundsSchema, wrongName: BoundsSchema, rank1PerPerson: BoundsSchema }).optional(),
});
export type Recognition = z.infer<typeof RecognitionSchema>;

/** Figures of one model on the snapshot, at the thresholds that its own scores gave. */
export const AccuracySchema = z.object({
  recognition: RecognitionSchema,
  /** Of those held out of training: known from tomorrow morning, by a net that never saw them. Null without any. */
  newcomers: RecognitionSchema.nullable(),
  /** By source and by tag. */
  slices: z.array(
    z.object({
      tag: z.string(),
      figures: RecognitionSchema,
      /** Mean cosine of its probes with their own person's row. Absent before 0.6.0. */
      likeness: z.number().optional(),
    }),
  ),
  /** Worst first, at most 50. */
  worstPeople: z.array(z.object({ person: z.string(), rank1: z.number(), probes: z.number().int() })),
  rocAuc: z.number(),
  /** Absent before 0.4.0, as those of `tar` are. */
  rocAucBounds: BoundsSchema.optional(),
  identify: z.object({
    /** For the enrolled people of this snapshot. */
    threshold: z.number(),
    fpir: PromiseVerdictSchema,
    /**
     * The threshold that the probes of enrolled people would give, each searched among the others. Faces give about as much;
     * pictures with nobody in them far less. Absent where people who are enrolled play the strangers.
     */
    amongEnrolled: z.number().optional(),
  }),
  verify: z.object({
    threshold: z.number(),
    far: PromiseVerdictSchema,
    /** True accept rate: own comparisons that pass. */
    tar: z.number(),
    tarBounds: BoundsSchema.optional(),
  }),
  /** People in the gallery. */
  people: z.number().int(),
});
export type Accuracy = z.infer<typeof AccuracySchema>;

export const PerformanceSchema = z.object({
  latencyMs: LatencySchema,
  imagesPerSecond: z.number(),
  requests: z.number().int(),
});
export type Performance = z.infer<typeof PerformanceSchema>;

/** `undecided`: the data cannot show whether it holds. */
export const GateSchema = z.object({
  name: z.string(),
  /** Measured and required. */
  value: z.number().nullable(),
  limit: z.number().nullable(),
  outcome: z.enum(['held', 'broken', 'undecided']),
  message: z.string(),
});
export type Gate = z.infer<typeof GateSchema>;

/** Candidate less champion on the same probes, with 95 % bounds of the paired bootstrap over people. */
export const DifferenceSchema = z.object({ difference: z.number(), lower: z.number(), upper: z.number() });

/** Figures of a release before, that tonight's may not fall far below. */
export const PastFiguresSchema = z.object({
  runId: TokenSchema,
  release: z.number().int(),
  rank1PerPerson: z.number(),
  fnir: z.number(),
  tar: z.number(),
  people: z.number().int(),
  identifyThreshold: z.number(),
});
export type PastFigures = z.infer<typeof PastFiguresSchema>;

/** blessed: every gate holds. rejected: one is broken. inconclusive: none is broken, and one is undecided. */
export const VerdictSchema = z.enum(['blessed', 'rejected', 'inconclusive']);
export type Verdict = z.infer<typeof VerdictSchema>;

/** Travels in the event, for people and for later nights; everything longer is in the report. */
export const VerificationFiguresSchema = z.object({
  candidate: z.object({
    digest: DigestSchema,
    accuracy: AccuracySchema.omit({ slices: true, worstPeople: true }),
    performance: PerformanceSchema,
  }),
  champion: z
    .object({ digest: DigestSchema, accuracy: AccuracySchema.omit({ slices: true, worstPeople: true }) })
    .nullable(),
});

export const VerificationReportSchema = z.object({
  format: z.literal('nightshift.verification/2'),
  runId: TokenSchema,
  model: TokenSchema,
  verdict: VerdictSchema,
  admitted: z.boolean(),
  reasons: z.array(z.string()),
  gates: z.array(GateSchema),
  promise: z.object({ fpir: z.number(), margin: z.number(), far: z.number() }),
  data: z.object({
    people: z.number().int(),
    images: z.number().int(),
    probes: z.number().int(),
    heldOut: z.number().int(),
    strangers: z.object({ from: z.enum(['source', 'held-out']), people: z.number().int(), images: z.number().int() }),
  }),
  candidate: z.object({ digest: DigestSchema, accuracy: AccuracySchema, performance: PerformanceSchema }),
  champion: z
    .object({ digest: DigestSchema, accuracy: AccuracySchema, performance: PerformanceSchema.nullable() })
    .nullable(),
  comparison: z
    .object({
      rank1: DifferenceSchema,
      rank1PerPerson: DifferenceSchema,
      fnir: DifferenceSchema,
      /** Probes that the champion answers rightly and the candidate with another name; at most 200. */
      namesLost: z.array(z.object({ probe: z.string(), person: z.string(), found: z.string().nullable() })),
      namesLostTotal: z.number().int(),
    })
    .nullable(),
  /** The candidate fitted again to all images, and whether it serves in its place; absent if there is none. */
  refit: z.object({ digest: DigestSchema, serves: z.boolean(), gates: z.array(GateSchema) }).optional(),
  /** The best of `history` by each figure. */
  best: PastFiguresSchema.nullable(),
  durationMs: z.object({ accuracy: z.number(), performance: z.number(), total: z.number() }),
});
export type VerificationReport = z.infer<typeof VerificationReportSchema>;

/**
 * Curves and pictures behind the report, for people: `verification-evidence.json` in REPORTS. `nightshift report` draws
 * it. A picture is a PNG in base64 of the image as the model sees it.
 */
export const EvidenceSchema = z.object({
  format: z.literal('nightshift.evidence/1'),
  /** FPIR and FNIR at thresholds from strict to lax, for at most 200 points; the operating point is in the report. */
  det: z.object({
    candidate: z.array(z.object({ threshold: z.number(), fpir: z.number(), fnir: z.number() })),
    champion: z.array(z.object({ threshold: z.number(), fpir: z.number(), fnir: z.number() })).nullable(),
  }),
  /** Best scores of searches under the candidate: `counts[i]` lie in [edges[i], edges[i + 1]). */
  histogram: z.object({
    edges: z.array(z.number()),
    staff: z.array(z.number().int()),
    newcomers: z.array(z.number().int()),
    strangers: z.array(z.number().int()),
  }),
  /**
   * People whose images look most alike to the candidate, a pair at a time, the most alike first. An entry of somebody who was
   * forgotten is gone. Absent before 0.6.0.
   */
  alike: z
    .array(
      z.object({
        score: z.number(),
        images: z.array(z.object({ person: z.string(), image: z.string(), picture: z.string() })),
      }),
    )
    .optional(),
  /** Worst first, ten at most each. */
  worst: z.object({
    /** Strangers with the highest scores. `person`: the name they would be given. */
    falseAccepts: z.array(z.object({ image: z.string(), picture: z.string(), person: z.string(), score: z.number() })),
    /** Probes of enrolled people that are furthest from being answered with their own name. */
    falseRejects: z.array(
      z.object({
        image: z.string(),
        picture: z.string(),
        person: z.string(),
        found: z.string().nullable(),
        score: z.number(),
      }),
    ),
  }),
});
export type Evidence = z.infer<typeof EvidenceSchema>;
