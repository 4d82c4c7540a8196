/** What a stream of contracts/subjects.ts is called on a server, for tests that speak to it past infra/. */
import { NAMESPACE_DEFAULT, wireStream } from '../../infra/topology/namespace.ts';

export const wireStreamOf = (stream: string, namespace = NAMESPACE_DEFAULT): string => wireStream(namespace, stream);
