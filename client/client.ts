/** All that the package exports as `nightshift/client`; docs/client.md shows its use. */
export { connect, type ConnectedClient, type ConnectOptions } from './connect.ts';
export { createClient, type AskOptions, type Client, type ClientOptions, type ClientStatistics } from './create.ts';
export { PipelineError, type ErrorCode } from '../contracts/errors.ts';
export type { EmbedReply, IdentifyReply, VerifyReply } from '../contracts/inference.ts';
export type { Connection } from './wire.ts';
