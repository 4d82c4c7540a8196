/**
 * Messages between two of our processes over a stream: four bytes of length, then a structured clone. Unlike the
 * channel that Node gives a child process it is open to one that this process did not start itself. Both ends are ours,
 * so a message arrives as it was sent.
 */
import type { Socket } from 'node:net';
import { deserialize, serialize } from 'node:v8';

export interface Channel {
  send(message: unknown): void;
  /** Called with each message, in order. */
  onMessage: (message: unknown) => void;
  /** Called when the other end is gone. */
  onClosed: () => void;
  close(): void;
}

const HEAD_BYTES = 4;

export function openChannel(socket: Socket): Channel {
  const channel: Channel = {
    send: (message) => write(socket, serialize(message)),
    onMessage: () => {},
    onClosed: () => {},
    close: () => socket.destroy(),
  };
  let parts: Buffer[] = [];
  let length = 0;
  socket.on('data', (part) => {
    parts.push(part);
    length += part.length;
    // Joined only when a message is whole, so that a large one is not copied with each of its parts.
    if (length < frameBytes(parts)) return;
    let bytes = Buffer.concat(parts);
    for (let end = frameBytes([bytes]); bytes.length >= end; end = frameBytes([bytes])) {
      channel.onMessage(deserialize(bytes.subarray(HEAD_BYTES, end)));
      bytes = bytes.subarray(end);
    }
    parts = bytes.length > 0 ? [bytes] : [];
    length = bytes.length;
  });
  // A process that is killed ends the stream or breaks it; either way it closes.
  socket.on('error', () => {});
  socket.on('close', () => channel.onClosed());
  return channel;
}

function write(socket: Socket, body: Buffer): void {
  const head = Buffer.allocUnsafe(HEAD_BYTES);
  head.writeUInt32LE(body.length);
  socket.cork();
  socket.write(head);
  socket.write(body);
  socket.uncork();
}

/** Of the first message with its head; of the head alone if that is not whole yet. */
function frameBytes(parts: readonly Buffer[]): number {
  const whole = (parts[0]?.length ?? 0) >= HEAD_BYTES ? parts[0]! : Buffer.concat(parts);
  return HEAD_BYTES + (whole.length >= HEAD_BYTES ? whole.readUInt32LE(0) : 0);
}
