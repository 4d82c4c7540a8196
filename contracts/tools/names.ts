/** Parts that many messages have, under the names by which the documents in docs/ refer to them. */
import type { z } from 'zod';
import { RunSummarySchema, TimelineEntrySchema } from '../api.ts';
import { OutcomeSchema } from '../commands.ts';
import {
  CarriedPipelineSchema,
  CarriedTrainingSchema,
  CarriedVerificationSchema,
  CollectedPipelineSchema,
} from '../configuration/carried-schemas.ts';
import { DecisionInForceSchema } from '../decision.ts';
import { FailureSchema } from '../messages.ts';
import { BlobRefSchema, DigestSchema, TokenSchema } from '../references.ts';
import {
  AnnouncedSchema,
  DeploymentSchema,
  LedgerEntrySchema,
  ModelPairSchema,
  OriginSchema,
  ReleaseSchema,
} from '../release.ts';
import { ReleaseFiguresSchema, ReplicaStatusSchema } from '../replica.ts';
import { EnvelopeOfStatementSchema } from '../signing.ts';
import { nameSchemas } from './type-text.ts';

const NAMED: Readonly<Record<string, z.ZodType>> = {
  Announced: AnnouncedSchema,
  BlobRef: BlobRefSchema,
  CollectedPipeline: CollectedPipelineSchema,
  DecisionInForce: DecisionInForceSchema,
  Deployment: DeploymentSchema,
  Digest: DigestSchema,
  Failure: FailureSchema,
  LedgerEntry: LedgerEntrySchema,
  ModelPair: ModelPairSchema,
  Origin: OriginSchema,
  Outcome: OutcomeSchema,
  Pipeline: CarriedPipelineSchema,
  Release: ReleaseSchema,
  ReleaseFigures: ReleaseFiguresSchema,
  ReplicaStatus: ReplicaStatusSchema,
  RunSummary: RunSummarySchema,
  SignedStatement: EnvelopeOfStatementSchema,
  TimelineEntry: TimelineEntrySchema,
  Token: TokenSchema,
  Training: CarriedTrainingSchema,
  Verification: CarriedVerificationSchema,
};

/** Before the first conversion. The names last as long as the process, which is why only tools and their tests do so. */
export const nameSharedParts = () => nameSchemas(new Map(Object.entries(NAMED)));
