/**
 * Nights of a saga whose data, verdict and model a test chooses: each run makes a model of its own, of data that is
 * the same until the test changes it, and is judged as the test says.
 */
import type { Completed } from '../../contracts/messages.ts';
import type { Verdict } from '../../contracts/verification.ts';
import type { WorkStage } from '../../contracts/subjects.ts';
import { accuracy, figures, recognition } from './figures.ts';
import { blobRef } from './runs.ts';
import { trivialWorks, type Works } from './saga.ts';

export interface JudgedNights {
  readonly works: Works;
  /** `train n2`: what was begun, in order. */
  readonly taken: readonly string[];
  /** Of the data from now on. */
  content: string;
  verdict: Verdict;
  admitted: boolean;
  /** Of the next candidates: those answered with their own name, each person counting once. */
  rank1PerPerson: number;
}

export function judgedNights(): JudgedNights {
  const taken: string[] = [];
  const nights: { -readonly [K in keyof JudgedNights]: JudgedNights[K] } = {
    works: { ...trivialWorks },
    taken,
    content: digestOf('monday'),
    verdict: 'blessed',
    admitted: true,
    rank1PerPerson: 0.95,
  };
  const begun = (stage: WorkStage, runId: string) => void taken.push(`${stage} ${runId}`);
  nights.works = {
    collect: async (command, context) => {
      begun('collect', command.runId);
      return { ...(await trivialWorks.collect(command, context)), content: nights.content };
    },
    train: async (command, context) => {
      begun('train', command.runId);
      const model = { ...blobRef('MODELS', `${command.runId}/model`), digest: digestOf(command.runId) };
      return { ...(await trivialWorks.train(command, context)), model };
    },
    verify: async (command, context) => {
      begun('verify', command.runId);
      const { verdict, admitted } = nights;
      const reasons = verdict === 'blessed' ? [] : ['strangers are let in'];
      return { ...(await trivialWorks.verify(command, context)), verdict, admitted, reasons, figures: figuresNow() };
    },
  };
  const figuresNow = (): Completed<'verify'>['figures'] => {
    const people = { recognition: recognition({ rank1PerPerson: nights.rank1PerPerson }) };
    return figures({ candidate: { ...figures().candidate, accuracy: accuracy(people) } });
  };
  return nights;
}

export const digestOf = (text: string) => `sha256:${Buffer.from(text).toString('hex').padEnd(64, '0').slice(0, 64)}`;
