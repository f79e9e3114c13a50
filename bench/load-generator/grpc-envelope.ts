/** Flags (one byte) and length (four). */
const PREFIX_BYTES = 5;

/** A message in its gRPC envelope. */
export function envelope(message: Uint8Array): Buffer {
  const bytes = Buffer.alloc(PREFIX_BYTES + message.length);
  bytes.writeUInt32BE(message.length, 1);
  bytes.set(message, PREFIX_BYTES);
  return bytes;
}

/** Extracts the messages of a gRPC stream from its bytes, however they are split. */
export class EnvelopeDecoder {
  readonly #read: (message: Buffer) => void;
  #rest: Buffer = Buffer.alloc(0);

  constructor(read: (message: Buffer) => void) {
    this.#read = read;
  }

  add(bytes: Buffer): void {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let from = 0;
    while (all.length - from >= PREFIX_BYTES) {
      const end = from + PREFIX_BYTES + all.readUInt32BE(from + 1);
      if (end > all.length) break;
      this.#read(all.subarray(from + PREFIX_BYTES, end));
      from = end;
    }
    this.#rest = from === all.length ? Buffer.alloc(0) : all.subarray(from);
  }
}
