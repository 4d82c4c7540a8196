/** The options of the serving bench, and its figures. */
import type { MachineUse } from '../support/machine.ts';
import type { OpenFigures } from './load.ts';
import type { PeerName } from './peers.ts';
import type { RigOptions } from './rig.ts';
import type { BenchVerb, Face } from './targets.ts';

export interface ServingBenchOptions extends RigOptions {
  /** A Python whose servers are measured too; null: none. */
  readonly peersPython: string | null;
  /** Of each measurement. */
  readonly seconds: number;
  readonly json: boolean;
}

export interface Row {
  readonly verb: BenchVerb;
  readonly input: Face['input'];
  readonly perSecond: number;
  readonly replica: OpenFigures;
  readonly bare: OpenFigures;
}

export interface Peer {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly refused: number;
  readonly failed: number;
  readonly perSecond: number;
}

export interface ServingBenchResult extends Measured {
  readonly machine: MachineUse | null;
}

export interface Measured {
  /** Replica minus bare, milliseconds, at the middle load of `embed` with pixels. */
  readonly overheadMs: { readonly p50: number; readonly p99: number };
  /** Answers per second of `embed` with pixels under as much load as there can be: replica over bare. */
  readonly throughputRatio: number;
  readonly throughputPerSecond: { readonly replica: number; readonly bare: number };
  readonly rows: readonly Row[];
  /** At the middle load and saturated, of those that are installed. */
  readonly peers: Readonly<Partial<Record<PeerName, Peer>>>;
  readonly loading: {
    readonly steadyP99Ms: number;
    readonly loadingP99Ms: number;
    readonly loads: number;
    readonly refused: number;
    readonly failed: number;
  };
  /** The longest that a request took when the process died, and when it hung; nobody was refused. */
  readonly lost: readonly {
    readonly what: string;
    readonly maxMs: number;
    readonly refused: number;
    readonly failed: number;
  }[];
}
