/**
 * The reasons for which nats-server refuses to make a stream, each by the cause that the server names and with its own way
 * out. Called by topology.ts.
 */
import { JetStreamApiError, type JetStreamManager } from '@nats-io/jetstream';
import { PipelineError, type ErrorCode } from '../../contracts/errors.ts';
import { roomOf } from '../preflight/account.ts';

interface Wanted {
  readonly name: string;
  readonly max_bytes?: number | undefined;
  readonly num_replicas?: number | undefined;
}

type Reason = readonly [ErrorCode, why: (stream: Wanted) => string];

const account = (why: Reason[1]): Reason => ['ACCOUNT_LIMIT', why];
const bytes = ({ max_bytes = -1 }: Wanted) => (max_bytes < 0 ? 'no limit of its own' : `${max_bytes} bytes`);

/** By the codes of the server; the client's own table lacks most. */
const REASONS: Readonly<Record<number, Reason>> = {
  10002: account(
    (it) => `the account may not store as much (${bytes(it)} more); raise its max_file, or prune what it holds`,
  ),
  10026: account(() => 'the account may have no more consumers; raise its max_consumers'),
  10027: account(() => 'the account may have no more streams; raise its max_streams'),
  10113: account(
    (it) =>
      `the account demands a size of every stream (max_bytes_required), and this one has ${bytes(it)}: objects are bounded by pruning; take that demand away`,
  ),
  10120: account(
    ({ num_replicas = 1 }) =>
      `the account has no JetStream limits for ${num_replicas} copies (R${num_replicas}); give it some, or set nats.replicas to what it has`,
  ),
  10122: account((it) => `the account allows no stream of this size (${bytes(it)}); raise its max_stream_bytes`),
  10074: [
    'NATS_UNAVAILABLE',
    ({ num_replicas }) => `a server that is no cluster keeps no ${num_replicas} copies; set nats.replicas to 1`,
  ],
  10005: [
    'NATS_UNAVAILABLE',
    ({ num_replicas }) =>
      `its cluster has too few servers with JetStream for ${num_replicas} copies; start more of them, or lower nats.replicas`,
  ],
};

/** "Insufficient storage": for the limit of an account as well as for that of the disk. */
const NO_ROOM = 10047;

/** The error with the cause that was found; another error as it is. */
export async function streamRefused(manager: JetStreamManager, stream: Wanted, error: unknown): Promise<unknown> {
  if (!(error instanceof JetStreamApiError)) return error;
  const reason = error.code === NO_ROOM ? await noRoom(manager, stream) : REASONS[error.code];
  if (reason === undefined) return error;
  const [code, why] = reason;
  const message = `nats-server has no room for stream ${stream.name}: ${why(stream)}`;
  return new PipelineError(code, message, { cause: error });
}

async function noRoom(manager: JetStreamManager, { max_bytes = 0, num_replicas = 1 }: Wanted): Promise<Reason> {
  const { bytesMax, bytesTaken } = await roomOf(manager, num_replicas);
  if (bytesMax === null || bytesTaken + max_bytes <= bytesMax) return DISK;
  return account(
    (it) =>
      `the account may store ${bytesMax} bytes, ${bytesTaken} of them are taken, and this one wants ${bytes(it)}; raise that limit`,
  );
}

const DISK: Reason = [
  'DISK_FULL',
  (it) =>
    `the server keeps its streams within three quarters of what is free on its disk when it starts, and this one wants ${bytes(it)}; free some space there, or choose another nats.storeDir`,
];
