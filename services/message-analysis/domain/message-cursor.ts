/** A place in a session's messages: they are in order of time, then of number. */
export interface MessageCursor {
  /** Epoch milliseconds. */
  readonly orderAt: number;
  readonly seq: number;
}

const TOKEN = /^(\d{1,15})\.(\d{1,10})$/;

/** The token of the page of what is older than `place`. */
export function encodeMessageCursor({ orderAt, seq }: MessageCursor): string {
  return Buffer.from(`${orderAt}.${seq}`).toString('base64url');
}

/** The place that a token stands for; undefined when it is none of ours. */
export function decodeMessageCursor(token: string): MessageCursor | undefined {
  const match = TOKEN.exec(Buffer.from(token, 'base64url').toString('latin1'));
  if (!match) return undefined;
  const cursor = { orderAt: Number(match[1]), seq: Number(match[2]) };
  return encodeMessageCursor(cursor) === token && cursor.orderAt <= MAX_TIME_MS ? cursor : undefined;
}

/** The end of the year 9999: what the databases can tell. */
const MAX_TIME_MS = Date.UTC(10_000, 0, 1) - 1;
